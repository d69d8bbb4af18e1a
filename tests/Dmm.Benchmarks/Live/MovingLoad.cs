using System.Diagnostics;
using Dmm.Benchmarks.Houses;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Live;

/// <summary>Gives one guest after the other the load, and measures it by the guests' reports.</summary>
internal sealed class MovingLoad(IReadOnlyList<BenchGuest> guests, LiveSettings settings, CancellationToken cancellation)
{
    /// <summary>
    /// The period at which the guest is asked until it has what its burst wants. A shorter period would take processor time from the
    /// emulated guest, and so change what is measured.
    /// </summary>
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(50);

    public async Task<IReadOnlyList<PhaseFigures>> RunAsync(IReadOnlyList<LivePhase> phases)
    {
        List<PhaseFigures> figures = [];
        foreach (var (i, phase) in phases.Index())
            figures.Add(await PlayAsync(phase, i == 0 ? null : guests[phases[i - 1].Guest]));
        return figures;
    }

    private async Task<PhaseFigures> PlayAsync(LivePhase phase, BenchGuest? before)
    {
        var guest = guests[phase.Guest];
        var (start, deaths) = (await AllAsync(), guests.Sum(g => g.Load.Deaths));
        var clock = Stopwatch.StartNew();
        if (before is not null)
        {
            await before.Load.RestAsync(cancellation);
            await before.Load.HoldAsync(settings.Idle, null, cancellation);
        }

        await guest.Load.HoldAsync(phase.Load, null, cancellation);
        await guest.Load.WorkAsync(1, cancellation, settings.OperationsPerSecond);
        var watch = new BurstWatch(start[phase.Guest], phase.Load);
        while (clock.Elapsed < phase.Length && !watch.IsOver)
        {
            watch.Take(await guest.ReportAsync(cancellation), clock.Elapsed.TotalMilliseconds);
            await Task.Delay(Grain, cancellation);
        }

        if (phase.Length - clock.Elapsed is { Ticks: > 0 } rest)
            await Task.Delay(rest, cancellation);
        var end = await AllAsync();
        // The operations are counted over an interval of the load's own clock: a stalled guest answers late.
        var (first, last) = (start[phase.Guest], end[phase.Guest]);
        return new(
            phase.Kind, guest.Name, watch.FirstMs, watch.UsableMs, watch.HeldMs, last.Operations - first.Operations,
            (last.UptimeMs - first.UptimeMs) / 1000.0,
            Sum(start, end, r => r.StallSomeUs) / 1000.0, Sum(start, end, r => r.StallFullUs) / 1000.0,
            Sum(start, end, r => r.SwapOuts) / 256.0,
            Sum(start, end, r => r.OomKills), guests.Sum(g => g.Load.Deaths) - deaths);
    }

    private Task<LoadReport[]> AllAsync() => Task.WhenAll(guests.Select(g => g.ReportAsync(cancellation)));

    private static long Sum(LoadReport[] start, LoadReport[] end, Func<LoadReport, long> counter) =>
        start.Zip(end, (a, b) => counter(b) - counter(a)).Sum();
}
