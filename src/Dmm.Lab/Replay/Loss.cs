using Dmm.Core;
using Dmm.Core.Laws;

namespace Dmm.Lab.Replay;

/// <summary>
/// Shows where DMM loses its distance from perfect foresight: the same replay with one thing made ideal at a time, and with all of them
/// ideal.
/// </summary>
internal static class Loss
{
    /// <summary>Long enough for any growth to arrive.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Memory moves at once, and need is heard at once. The guest's swap-out rate stays as it is, because it is not the mechanism's.
    /// </summary>
    public static MechanismDelays AtOnce(MechanismDelays delays) => delays with
    {
        PlugLatencyMs = 0,
        PlugMibPerSecond = 1e9,
        UnplugLatencyMs = 0,
        UnplugMibPerSecond = 1e9,
        BalloonLatencyMs = 0,
        InflateMibPerSecond = 1e9,
        DeflateMibPerSecond = 1e9,
        HearingLeastMs = 0,
        HearingMostMs = 0,
    };

    public static LossReport Explain(
        TraceHost host, TraceHost hostWithoutMin, MemorySize memory, MechanismDelays delays, ulong seed, CancellationToken cancellation)
    {
        var cases = new (string Ideal, TraceHost Host, MechanismDelays Delays, bool Foresees, double? Cushion)[]
        {
            ("nothing", host, delays, false, null),
            ("delay", host, AtOnce(delays), false, null),
            ("forecast", host, delays, true, null),
            ("guarantee", hostWithoutMin, delays, false, null),
            ("cushion", host, delays, false, 0),
            ("all", hostWithoutMin, AtOnce(delays), true, 0),
        };
        var figures = new LossFigures[cases.Length + 1];
        IReadOnlyList<CauseFigures> causes = [];
        Parallel.For(0, cases.Length, new() { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            var (ideal, on, with, foresees, cushion) = cases[i];
            var settings = cushion is { } own ? new DmmLawSettings { Cushion = own } : new();
            var law = new DmmLaw(settings);
            IReadOnlyList<VmPlan> vms = [.. on.Vms.Take(LabLaw.AdmitByMin(on.Vms, memory.Bytes))];
            var engine = new ReplayEngine(
                memory.Bytes, vms, foresees ? new Foreseeing(law, [.. vms.Select(vm => vm.Need)], Ahead) : law, with, on.End, seed)
            {
                GoesOn = () =>
                {
                    cancellation.ThrowIfCancellationRequested();
                    return true;
                },
            };
            engine.Run();
            var made = engine.Figures(law.Name, vms.Count, 0);
            if (i == 0)
                causes = CausesOf(engine.Vms);
            figures[i] = new(ideal, made.ShortfallRatio, made.SlackRatio);
        });
        var oracle = new ReplayRun(host, memory, delays, seed).Run([LabLaw.Oracle], cancellation)[0];
        figures[^1] = new("perfect foresight", oracle.ShortfallRatio, oracle.SlackRatio);
        return new(figures, causes);
    }

    private static IReadOnlyList<CauseFigures> CausesOf(IReadOnlyList<ReplayVm> vms)
    {
        var need = vms.Sum(vm => vm.NeedByteSeconds);
        return
        [
            Of("the law to hear of the need", static c => c.Hearing),
            Of("the law to decide for it (too little for all, or too low a forecast)", static c => c.Deciding),
            Of("other VMs to give memory", static c => c.Waiting),
            Of("memory to arrive", static c => c.Moving),
        ];

        CauseFigures Of(string cause, Func<ShortfallCauses, double> part) =>
            new(cause, ReplayFigures.Ratio(vms.Sum(vm => part(vm.Causes)), need));
    }
}

/// <param name="Ideals">DMM's results with one thing made ideal at a time.</param>
/// <param name="Causes">DMM's real shortfall, split by what it waited for.</param>
public sealed record LossReport(IReadOnlyList<LossFigures> Ideals, IReadOnlyList<CauseFigures> Causes);

public sealed record CauseFigures(string Cause, double ShortfallRatio);

/// <summary>The result of DMM with one thing made ideal.</summary>
/// <param name="Ideal">
/// nothing, delay, forecast, guarantee, cushion, all, or perfect foresight, which is not a run of DMM's law.
/// </param>
public sealed record LossFigures(string Ideal, double ShortfallRatio, double SlackRatio);
