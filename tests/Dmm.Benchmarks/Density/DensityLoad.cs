using Dmm.Benchmarks.Houses;
using Dmm.Core;
using Dmm.Lab.Traces;

namespace Dmm.Benchmarks.Density;

/// <param name="Hold">What the load holds from then on. It works only while it holds its burst.</param>
internal sealed record LoadStep(TimeSpan At, int Guest, MemorySize Hold, bool Works);

/// <summary>
/// A mixed load: VMs of several sizes, each of which needs little most of the time and a burst now and then, each in a phase of its own, so
/// that few burst at once. The same load is played on real guests and written as traces for the lab.
/// </summary>
/// <param name="Cycle">After so long everything repeats.</param>
/// <param name="Busy">The part of a cycle in which a VM bursts.</param>
/// <param name="BurstPart">What a burst holds, part of the VM's max.</param>
/// <param name="Own">What a guest of this image uses without any load; the traces hold it, the guest has it by itself.</param>
internal sealed record DensityLoad(
    IReadOnlyList<MemorySize> Sizes, MemorySize Min, MemorySize Boot, MemorySize Idle, MemorySize Own, TimeSpan Cycle, double Busy,
    double BurstPart, MemorySize PerSecond,
    long OperationsPerSecond)
{
    /// <summary>Steps of this spread phases evenly, however many VMs there are.</summary>
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

    /// <summary>When VM <paramref name="vm"/> begins its burst in each cycle.</summary>
    public TimeSpan Begins(int vm) => Cycle * (vm * GoldenRatio % 1);

    public GuestPlan Plan(int vm, bool bootsWithMax) =>
        new($"vm{vm:00}", Min, bootsWithMax ? Max(vm) : MemorySize.Min(Boot, Max(vm)), Max(vm));

    /// <summary>How many VMs a host holds that gives each its max, in the order of their numbers.</summary>
    public int Fixed(MemorySize memory)
    {
        var (held, vms) = (MemorySize.Zero, 0);
        while (held + Max(vms) <= memory)
            held += Max(vms++);
        return vms;
    }

    /// <summary>
    /// All that happens within <paramref name="length"/>, in the order of time. A burst that is under way at the start begins there.
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

    /// <summary>For how long VM <paramref name="vm"/> works between two moments.</summary>
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
    /// The same need as a trace of the lab, a row a second: what the guest itself uses and what its load holds, on its way up at the load's
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
