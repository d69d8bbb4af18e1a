using Dmm.Benchmarks.Figures;
using Dmm.Lab.Replay;

namespace Dmm.Benchmarks.Mechanisms;

/// <summary>All measurements of the mechanisms, raw.</summary>
/// <param name="PlugShown">
/// The time from the order until QEMU shows the size; <paramref name="Plug"/> is the time until the guest's own MemTotal shows it, which
/// is what counts.
/// </param>
/// <param name="HearingMs">
/// The time from the first look at which the guest's own program saw too little available memory to the sample at the host that says so.
/// </param>
/// <param name="BurstHeardMs">The time from the order to a calm guest to take memory as fast as it can, to that sample.</param>
/// <param name="ConfirmMs">The time between the driver's observations of a long shrink that is under way.</param>
/// <param name="SampleAfterMoveMs">
/// The time from a movement's end, as QEMU shows it, to a sample of the agent that was taken after it.
/// </param>
internal sealed record MechanismMeasures(
    IReadOnlyList<Movement> Plug, IReadOnlyList<Movement> PlugShown, IReadOnlyList<Movement> Unplug, IReadOnlyList<Movement> Inflate,
    IReadOnlyList<Movement> Deflate,
    IReadOnlyList<double> HearingMs, IReadOnlyList<double> BurstHeardMs, IReadOnlyList<double> ConfirmMs,
    IReadOnlyList<double> SampleAfterMoveMs)
{
    /// <summary>
    /// The delays in the lab's own form. A value that was not measured (swap, page cache, the agent's threshold) keeps the lab's. Hearing
    /// goes from the 10th to the 90th percentile: the rest is caused by this machine, not by the mechanism.
    /// </summary>
    public MechanismDelays ForTheLab()
    {
        var (plug, unplug, inflate, deflate) = (LineFit.Of(Plug), LineFit.Of(Unplug), LineFit.Of(Inflate), LineFit.Of(Deflate));
        return new()
        {
            PlugLatencyMs = plug.LatencyMs,
            PlugMibPerSecond = plug.MibPerSecond,
            UnplugLatencyMs = unplug.LatencyMs,
            UnplugMibPerSecond = unplug.MibPerSecond,
            InflateMibPerSecond = inflate.MibPerSecond,
            DeflateMibPerSecond = deflate.MibPerSecond,
            BalloonLatencyMs = Math.Round((inflate.LatencyMs + deflate.LatencyMs) / 2, 1),
            HearingLeastMs = Part(HearingMs, 0.1),
            HearingMostMs = Part(HearingMs, 0.9),
            ConfirmMs = Math.Max(1, Math.Round(Distribution.Middle(ConfirmMs), 1)),
        };
    }

    private static double Part(IReadOnlyList<double> values, double part)
    {
        var sorted = values.Order().ToArray();
        return Math.Round(Math.Max(0, sorted[(int)Math.Round(part * (sorted.Length - 1))]), 1);
    }
}

/// <summary>The content of <c>mechanisms.json</c>.</summary>
/// <param name="Append">The kernel command line that the guests booted with.</param>
internal sealed record MechanismsReport(
    QemuMachine Machine, string Append, int Rounds, LineFit Plug, LineFit Unplug, LineFit Inflate, LineFit Deflate, Distribution HearingMs,
    Distribution BurstHeardMs,
    Distribution ConfirmMs, Distribution SampleAfterMoveMs, MechanismMeasures Raw)
{
    public static MechanismsReport Of(QemuMachine machine, string append, int rounds, MechanismMeasures raw) => new(
        machine, append, rounds, LineFit.Of(raw.Plug), LineFit.Of(raw.Unplug), LineFit.Of(raw.Inflate), LineFit.Of(raw.Deflate),
        Distribution.Of(raw.HearingMs),
        Distribution.Of(raw.BurstHeardMs), Distribution.Of(raw.ConfirmMs), Distribution.Of(raw.SampleAfterMoveMs), raw);
}
