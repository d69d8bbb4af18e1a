using Dmm.Core;
using Dmm.Core.Laws;
using Dmm.Core.Vms;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Replay;

/// <summary>The part of the traces to play, and how to play it.</summary>
public sealed record TraceHostOptions
{
    public BetweenSamples Between { get; init; } = BetweenSamples.Step;

    /// <summary>The min of each VM, at most its max; a percentage is of its max.</summary>
    public SizeOrPercent Min { get; init; } = new(MemorySize.FromMiB(128), 0);

    /// <summary>The boot size. Null: max for laws that use only balloons, so that they can reach it; min for the others.</summary>
    public SizeOrPercent? Boot { get; init; }

    /// <summary>
    /// The start in seconds since 1970, UTC; null: the first row. The same holds for <see cref="To"/>, with the last row.
    /// </summary>
    public long? From { get; init; }

    public long? To { get; init; }

    public ulong Seed { get; init; } = 1;
}

/// <summary>
/// The VMs of a host, made from traces. Their needs between the samples are drawn once, so that they are the same for every law.
/// </summary>
internal sealed class TraceHost
{
    private readonly SizeOrPercent? _boot;

    /// <exception cref="LabException">No time is left between from and to.</exception>
    public TraceHost(IReadOnlyList<VmTrace> traces, TraceHostOptions options)
    {
        if (traces.Count == 0)
            throw new LabException("the traces hold no VM");
        Origin = options.From ?? traces.Min(t => t.Start);
        var to = options.To ?? traces.Max(t => t.End);
        if (to <= Origin)
            throw new LabException(
                $"the traces have nothing between {Show(Origin)} and {Show(to)}; they go from {Show(traces.Min(t => t.Start))} "
                    + $"to {Show(traces.Max(t => t.End))}");
        _boot = options.Boot;
        End = (to - Origin) * 1_000_000;
        Vms =
        [
            .. traces.Select(trace =>
            {
                var min = MemorySize.Min(trace.Max, options.Min.Of(trace.Max));
                return new VmPlan(
                    trace.Name, min, (_boot?.Of(trace.Max) ?? min).Clamp(min, trace.Max), trace.Max, VmPolicy.DefaultShares,
                    NeedCurve.Of(trace, options.Between, Origin, to, options.Seed));
            }),
        ];
        SumOfMax = new(Vms.Sum(vm => vm.Max.Bytes));
    }

    /// <summary>The replay's start, in seconds since 1970.</summary>
    public long Origin { get; }

    /// <summary>The replay's length, in microseconds.</summary>
    public long End { get; }

    public IReadOnlyList<VmPlan> Vms { get; }

    public MemorySize SumOfMax { get; }

    /// <summary>
    /// Returns the VMs for this law. Unless a boot size is set, the VMs of a law that uses only balloons have booted with their max.
    /// </summary>
    public IReadOnlyList<VmPlan> For(ILaw law) => law.BalloonOnly && _boot is null ? [.. Vms.Select(vm => vm with { Boot = vm.Max })] : Vms;

    private static string Show(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd HH:mm:ss'Z'");
}
