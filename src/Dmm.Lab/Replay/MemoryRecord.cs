using System.Collections.Concurrent;

namespace Dmm.Lab.Replay;

/// <summary>Need and memory of chosen VMs over time, for plots: on the replay's grid, so bounded by its length.</summary>
internal sealed class MemoryRecord(IReadOnlySet<string> vms)
{
    private readonly ConcurrentDictionary<(string Law, string Vm), List<MemoryPoint>> _points = new();

    public IReadOnlyList<MemoryPoint> Of(string law, string vm) => _points.TryGetValue((law, vm), out var points) ? points : [];

    public void Take(string law, ReplayEngine engine)
    {
        foreach (var vm in engine.Vms)
        {
            if (vms.Contains(vm.Plan.Name))
                _points.GetOrAdd((law, vm.Plan.Name), static _ => []).Add(new(engine.Now * 1e-6, vm.Need, vm.Actual));
        }
    }
}

/// <param name="Seconds">Since the replay's start.</param>
/// <param name="Need">Bytes.</param>
/// <param name="Actual">Bytes.</param>
internal readonly record struct MemoryPoint(double Seconds, double Need, double Actual);
