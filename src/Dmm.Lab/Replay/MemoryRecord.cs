using System.Collections.Concurrent;

namespace Dmm.Lab.Replay;

/// <summary>
/// The need and memory of chosen VMs over time, for plots. Points are on the replay's time grid, so the replay's length bounds their
/// number.
/// </summary>
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

/// <param name="Seconds">Seconds since the replay's start.</param>
/// <param name="Need">In bytes.</param>
/// <param name="Actual">In bytes.</param>
internal readonly record struct MemoryPoint(double Seconds, double Need, double Actual);
