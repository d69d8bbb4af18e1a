using Dmm.Core;
using Dmm.Core.Laws;
using Dmm.Core.Vms;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Replay;

/// <summary>What of traces is to be played, and how.</summary>
public sealed record TraceHostOptions
{
    public BetweenSamples Between { get; init; } = BetweenSamples.Step;

    /// <summary>Of each VM's max where it is a percentage; never more than its max.</summary>
    public SizeOrPercent Min { get; init; } = new(MemorySize.FromMiB(128), 0);

    /// <summary>Null: max for laws that know balloons alone, so that they reach it; min for the others.</summary>
    public SizeOrPercent? Boot { get; init; }

    /// <summary>Seconds since 1970, UTC; null: from the first row, to the last.</summary>
    public long? From { get; init; }

    public long? To { get; init; }

    public ulong Seed { get; init; } = 1;
}

/// <summary>Traces made into VMs of a host, with their needs drawn between the samples: the same for every law.</summary>
internal sealed class TraceHost
{
    private readonly SizeOrPercent? _boot;

    /// <exception cref="LabException">Nothing is left between from and to.</exception>
    public TraceHost(IReadOnlyList<VmTrace> traces, TraceHostOptions options)
    {
        if (traces.Count == 0)
            throw new LabException("the traces hold no VM");
        Origin = options.From ?? traces.Min(t => t.Start);
        var to = options.To ?? traces.Max(t => t.End);
        if (to <= Origin)
            throw new LabException(
                $"nothing lies between {Show(Origin)} and {Show(to)}; the traces go from {Show(traces.Min(t => t.Start))} "
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

    /// <summary>Seconds since 1970 of the replay's start.</summary>
    public long Origin { get; }

    /// <summary>Microseconds since then.</summary>
    public long End { get; }

    public IReadOnlyList<VmPlan> Vms { get; }

    public MemorySize SumOfMax { get; }

    /// <summary>
    /// The VMs as such a law meets them: where nothing else is said, a law that knows balloons alone meets VMs that booted with their max.
    /// </summary>
    public IReadOnlyList<VmPlan> For(ILaw law) => law.BalloonOnly && _boot is null ? [.. Vms.Select(vm => vm with { Boot = vm.Max })] : Vms;

    private static string Show(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd HH:mm:ss'Z'");
}
