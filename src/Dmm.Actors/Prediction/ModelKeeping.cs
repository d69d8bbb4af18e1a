using System.Collections.Immutable;
using Dmm.Core;
using Dmm.Core.Demand;

namespace Dmm.Actors.Prediction;

/// <summary>
/// Which models are written next: each once in a period, in tenths of the period, those that wait longest first, so that a thousand VMs
/// are not written at once. No clock and no I/O.
/// </summary>
internal sealed class ModelKeeping(DemandModels models, TimeSpan period)
{
    private const int Slices = 10;

    private readonly Dictionary<VmId, Moment> _saved = [];
    private readonly SortedSet<VmId> _dropped = [];
    private Part? _underWay;

    /// <summary>How often <see cref="Next"/> should be asked.</summary>
    public TimeSpan Slice => period / Slices;

    public bool IsDropped(VmId vm) => _dropped.Contains(vm);

    public bool HasDropped => _dropped.Count > 0;

    /// <summary>What is stored of this VM is to be deleted.</summary>
    public void Drop(VmId vm)
    {
        _saved.Remove(vm);
        _dropped.Add(vm);
    }

    /// <summary>Returns the next part to write, deletions first; null for nothing.</summary>
    /// <param name="all">All models, because the daemon ends.</param>
    public Part? Next(Clocks now, bool all = false)
    {
        var known = models.Vms.ToList();
        var due = known
            .Select(vm => (Vm: vm, At: _saved.GetValueOrDefault(vm)))
            .Where(vm => all || now.Now - vm.At >= period)
            .OrderBy(vm => vm.At)
            .Take(all ? known.Count : (known.Count + Slices - 1) / Slices)
            .Select(vm => models.Remember(vm.Vm, now))
            .OfType<ModelRecord>()
            .ToImmutableArray();
        if (due.IsEmpty && _dropped.Count == 0)
            return null;
        _underWay = new(due, [.. _dropped], now.Now);
        _dropped.Clear();
        return _underWay;
    }

    /// <summary>The part was written.</summary>
    public void Written()
    {
        foreach (var record in _underWay!.Put)
        {
            // A VM that was forgotten meanwhile is deleted next.
            if (!_dropped.Contains(record.Vm))
                _saved[record.Vm] = _underWay.At;
        }

        _underWay = null;
    }

    /// <summary>The part was not written: it is due again.</summary>
    public void Failed()
    {
        _dropped.UnionWith(_underWay!.Drop);
        _underWay = null;
    }

    internal sealed record Part(ImmutableArray<ModelRecord> Put, ImmutableArray<VmId> Drop, Moment At);
}
