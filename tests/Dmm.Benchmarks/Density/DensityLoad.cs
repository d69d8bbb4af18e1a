using Dmm.Benchmarks.Houses;
using Dmm.Core;
using Dmm.Lab.Traces;

namespace Dmm.Benchmarks.Density;

/// <param name="Hold">The memory that the load holds from then on. It works only while it holds its burst.</param>
internal sealed record LoadStep(TimeSpan At, int Guest, MemorySize Hold, bool Works);

/// <summary>
/// A mixed load: VMs of several sizes, each of which needs little most of the time and a burst now and then. Each VM has its own phase,
/// so that few burst at once. The same load runs on real guests and is written as traces for the lab.
/// </summary>
/// <param name="Cycle">The period after which everything repeats.</param>
/// <param name="Busy">The fraction of a cycle in which a VM bursts.</param>
/// <param name="BurstPart">The memory that a burst holds, as a fraction of the VM's max.</param>
/// <param name="Own">
/// The memory that a guest of this image uses without any load; a trace includes it, a real guest uses it by itself.
/// </param>
internal sealed record DensityLoad(
    IReadOnlyList<MemorySize> Sizes, MemorySize Min, MemorySize Boot, MemorySize Idle, MemorySize Own, TimeSpan Cycle, double Busy,
    double BurstPart, MemorySize PerSecond,
    long OperationsPerSecond)
{
    /// <summary>Multiples of this spread the phases evenly, for any number of VMs.</summary>
    private const double GoldenRatio = 0.6180339887498949;

    public static DensityLoad Usual { get; } = new(
        [
            MemorySize.FromMiB(512),
            MemorySize.FromMiB(256),
            MemorySize.FromMiB(1024),
            MemorySize.FromMiB(512),
            MemorySize.FromMiB(256),
            MemorySize.FromMiB(768),
        ],
        MemorySize.FromMiB(112), MemorySize.FromMiB(256), MemorySize.FromMiB(16), MemorySize.FromMiB(72), TimeSpan.FromSeconds(30), 0.2,
        0.4, MemorySize.FromMiB(128), 50_000);

    public MemorySize Max(int vm) => Sizes[vm % Sizes.Count];

    public MemorySize Burst(int vm) => Max(vm).Scale(BurstPart);

    /// <summary>The time in each cycle at which VM <paramref name="vm"/> begins its burst.</summary>
    public TimeSpan Begins(int vm) => Cycle * (vm * GoldenRatio % 1);

    public GuestPlan Plan(int vm, bool bootsWithMax) =>
        new($"vm{vm:00}", Min, bootsWithMax ? Max(vm) : MemorySize.Min(Boot, Max(vm)), Max(vm));

    /// <summary>The number of VMs, in the order of their numbers, that a host holds if it gives each its max.</summary>
    public int Fixed(MemorySize memory)
    {
        var (held, vms) = (MemorySize.Zero, 0);
        while (held + Max(vms) <= memory)
            held += Max(vms++);
        return vms;
    }

    /// <summary>
    /// All steps within <paramref name="length"/>, in the order of time. A burst that is under way at the start begins there.
    /// </summary>
    public IReadOnlyList<LoadStep> Steps(int vms, TimeSpan length)
    {
        List<LoadStep> steps = [];
        for (var vm = 0; vm < vms; vm++)
        {
            steps.Add(new(TimeSpan.Zero, vm, Idle, false));
            for (var begin = Begins(vm) - Cycle; begin < length; begin += Cycle)
            {
                var end = begin + (Cycle * Busy);
                if (end <= TimeSpan.Zero)
                    continue;
                steps.Add(new(begin > TimeSpan.Zero ? begin : TimeSpan.Zero, vm, Burst(vm), true));
                if (end < length)
                    steps.Add(new(end, vm, Idle, false));
            }
        }

        return [.. steps.Select((step, i) => (step, i)).OrderBy(s => s.step.At).ThenBy(s => s.i).Select(s => s.step)];
    }

    /// <summary>The time that VM <paramref name="vm"/> works between two moments.</summary>
    public TimeSpan Works(int vm, TimeSpan from, TimeSpan to)
    {
        var works = TimeSpan.Zero;
        for (var begin = Begins(vm) - Cycle; begin < to; begin += Cycle)
        {
            var (first, last) = (begin > from ? begin : from, begin + (Cycle * Busy) < to ? begin + (Cycle * Busy) : to);
            if (last > first)
                works += last - first;
        }

        return works;
    }

    /// <summary>
    /// The same need as a trace of the lab, one row per second: the guest's own use and the memory of its load, which grows at the load's
    /// own rate.
    /// </summary>
    public VmTrace Trace(int vm, TimeSpan length)
    {
        var rows = (int)length.TotalSeconds + 1;
        var used = new uint[rows];
        var hold = Idle;
        for (var second = 0; second < rows; second++)
        {
            var into = (((second - Begins(vm).TotalSeconds) % Cycle.TotalSeconds) + Cycle.TotalSeconds) % Cycle.TotalSeconds;
            hold = into < Cycle.TotalSeconds * Busy ? MemorySize.Min(Burst(vm), Idle + PerSecond.Scale(into)) : Idle;
            used[second] = (uint)((Own + hold).Bytes >> 10);
        }

        return new($"vm{vm:00}", 0, [.. Enumerable.Range(0, rows)], used, Max(vm));
    }
}
