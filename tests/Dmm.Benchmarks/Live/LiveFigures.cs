using Dmm.Benchmarks.Figures;
using Dmm.Benchmarks.Houses;

namespace Dmm.Benchmarks.Live;

/// <summary>One phase, from the loaded guest's reports.</summary>
/// <param name="FirstMs">
/// The time from the order to burst to the first new memory that the guest can use (<see cref="BurstWatch"/>). Null, here and below: not
/// within the phase.
/// </param>
/// <param name="UsableMs">
/// The time to memory for all of it; a law without foresight can't give that before the load has grown so far.
/// </param>
/// <param name="HeldMs">The time until the load holds all that it wants, in memory or swap.</param>
/// <param name="Operations">The operations of the load in the phase.</param>
/// <param name="StallSomeMs">PSI some, all guests together, in milliseconds.</param>
/// <param name="SwappedOutMib">The memory that all guests swapped out.</param>
internal sealed record PhaseFigures(
    PhaseKind Kind, string Guest, double? FirstMs, double? UsableMs, double? HeldMs, long Operations, double Seconds, double StallSomeMs,
    double StallFullMs, double SwappedOutMib, long OomKills, int Deaths)
{
    public double OperationsPerSecond => Operations / Seconds;
}

/// <param name="GuestsMib">The memory that the ledger had for guests at the end: the host's memory less their overhead.</param>
/// <param name="LoadAverage">The load average of the machine in the minute before.</param>
internal sealed record LiveRun(string Law, int Round, double GuestsMib, double LoadAverage, IReadOnlyList<PhaseFigures> Phases)
{
    /// <summary>The rate of the load that moves, over its phases.</summary>
    public double OperationsPerSecond => Moving.Sum(p => p.Operations) / Moving.Sum(p => p.Seconds);

    public double StallSomeMs => Moving.Sum(p => p.StallSomeMs);

    private IEnumerable<PhaseFigures> Moving => Phases.Where(p => p.Kind == PhaseKind.HostIsFull);
}

/// <summary>A burst that is answered at once by an oracle that knows of it: a plug of the same size by QMP, without a daemon.</summary>
/// <param name="PlugMs">The time from the order to QEMU until the guest's MemTotal shows it.</param>
internal sealed record RawBurst(PhaseKind Kind, double PlugMs, double FirstMs, double UsableMs);

/// <summary>All runs of a law together.</summary>
/// <param name="OfUnlimited">The median of its operations per second ÷ that of the same load with unlimited memory.</param>
/// <param name="StallSomeSeconds">The stall of all guests in those phases of a run in which the load moves.</param>
internal sealed record LawFigures(
    string Law, int Runs, Distribution FirstRoomMs, Distribution FirstFullMs, Distribution AllRoomMs, Distribution AllFullMs,
    Distribution HeldFullMs, Distribution OperationsPerSecond, double? OfUnlimited,
    Distribution StallSomeSeconds, double SwappedOutMibPerRun, long OomKills, int Deaths)
{
    public static IReadOnlyList<LawFigures> Of(IReadOnlyList<LiveRun> runs)
    {
        var plenty = Distribution.Of(runs.Where(r => r.Law == Rival.Plenty.Name).Select(r => r.OperationsPerSecond)).Median;
        return [.. runs.GroupBy(r => r.Law).Select(law => Of(law.Key, [.. law], plenty)).OrderBy(f => IndexOf(f.Law))];
    }

    private static LawFigures Of(string law, IReadOnlyList<LiveRun> runs, double? plenty)
    {
        List<PhaseFigures> phases = [.. runs.SelectMany(r => r.Phases)];
        List<PhaseFigures> room = [.. phases.Where(p => p.Kind == PhaseKind.HostHasRoom)];
        List<PhaseFigures> full = [.. phases.Where(p => p.Kind == PhaseKind.HostIsFull)];
        var operations = Distribution.Of(runs.Select(r => r.OperationsPerSecond));
        return new(
            law, runs.Count, Distribution.Of(room.Select(p => p.FirstMs)), Distribution.Of(full.Select(p => p.FirstMs)),
            Distribution.Of(room.Select(p => p.UsableMs)),
            Distribution.Of(full.Select(p => p.UsableMs)), Distribution.Of(full.Select(p => p.HeldMs)), operations, plenty is > 0
            ? Math.Round(operations.Median!.Value / plenty.Value, 4) : null,
            Distribution.Of(runs.Select(r => Math.Round(r.StallSomeMs / 1000, 3))),
            Math.Round(full.Sum(p => p.SwappedOutMib) / runs.Count, 2),
            phases.Sum(p => p.OomKills), phases.Sum(p => p.Deaths));
    }

    private static int IndexOf(string law) => Rival.All.TakeWhile(r => r.Name != law).Count();
}

/// <summary>The content of <c>live.json</c>.</summary>
internal sealed record LiveReport(
    QemuMachine Machine, ulong Seed, LiveSettings Settings, IReadOnlyList<LawFigures> Laws, Distribution RawPlugMs, Distribution RawFirstMs,
    Distribution RawAllMs, IReadOnlyList<RawBurst> Raw, IReadOnlyList<LiveRun> Runs)
{
    public static LiveReport Of(
        QemuMachine machine, ulong seed, LiveSettings settings, IReadOnlyList<RawBurst> raw, IReadOnlyList<LiveRun> runs)
    {
        var full = raw.Where(r => r.Kind == PhaseKind.HostIsFull).ToList();
        return new(
            machine, seed, settings, LawFigures.Of(runs), Distribution.Of(full.Select(r => r.PlugMs)),
            Distribution.Of(full.Select(r => r.FirstMs)),
            Distribution.Of(full.Select(r => r.UsableMs)), raw, runs);
    }
}
