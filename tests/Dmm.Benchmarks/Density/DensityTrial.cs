using System.Diagnostics;
using Dmm.Benchmarks.Houses;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Density;

/// <summary>The result of the load on this many guests.</summary>
/// <param name="Served">Operations ÷ those that the load's rate demands, all guests together.</param>
/// <param name="Worst">The same ratio for the worst guest.</param>
/// <param name="PerVm">The same ratio for each guest.</param>
internal sealed record TrialFigures(
    int Vms, double Served, double Worst, double StallSomeSeconds, long OomKills, int Deaths, double LoadAverage,
    IReadOnlyList<double> PerVm);

/// <summary>Runs the mixed load on the guests of a house for a warm-up and one whole cycle.</summary>
internal sealed class DensityTrial(IReadOnlyList<BenchGuest> guests, DensityLoad load, CancellationToken cancellation)
{
    public async Task<TrialFigures> RunAsync()
    {
        var warmUp = load.Cycle * load.Busy;
        var end = warmUp + load.Cycle;
        var clock = Stopwatch.StartNew();
        LoadReport[]? first = null;
        foreach (var step in load.Steps(guests.Count, end).Append(new LoadStep(end, -1, default, false)))
        {
            if (first is null && step.At >= warmUp)
            {
                await UntilAsync(clock, warmUp);
                first = await AllAsync();
            }

            await UntilAsync(clock, step.At);
            if (step.Guest >= 0)
                await OrderAsync(step);
        }

        var last = await AllAsync();
        List<double> served = [];
        var (done, due) = (0.0, 0.0);
        for (var i = 0; i < guests.Count; i++)
        {
            var wanted = load.Works(i, warmUp, end).TotalSeconds * load.OperationsPerSecond;
            var operations = last[i].Operations - first![i].Operations;
            (done, due) = (done + operations, due + wanted);
            served.Add(Math.Round(operations / wanted, 4));
        }

        return new(
            guests.Count, Math.Round(done / due, 4), served.Min(), Math.Round(Sum(first!, last, r => r.StallSomeUs) / 1e6, 2),
            Sum(first!, last, r => r.OomKills),
            guests.Sum(g => g.Load.Deaths), Machine.LoadNow(), served);
    }

    private async Task OrderAsync(LoadStep step)
    {
        var guest = guests[step.Guest].Load;
        if (!step.Works)
            await guest.RestAsync(cancellation);
        await guest.HoldAsync(step.Hold, step.Works ? load.PerSecond : null, cancellation);
        if (step.Works)
            await guest.WorkAsync(1, cancellation, load.OperationsPerSecond);
    }

    private async Task UntilAsync(Stopwatch clock, TimeSpan at)
    {
        if (at - clock.Elapsed is { Ticks: > 0 } rest)
            await Task.Delay(rest, cancellation);
    }

    private Task<LoadReport[]> AllAsync() => Task.WhenAll(guests.Select(g => g.ReportAsync(cancellation)));

    private static long Sum(LoadReport[] first, LoadReport[] last, Func<LoadReport, long> counter) =>
        first.Zip(last, (a, b) => counter(b) - counter(a)).Sum();
}
