using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Dmm.Benchmarks.Figures;

namespace Dmm.Benchmarks.Clusters;

/// <summary>
/// Measures how soon a cluster of three daemons sees that one died, and how often it believes so wrongly: with processors at rest, and
/// with four busy programs for each. One failure detector after the other, in one run.
/// </summary>
internal static class ClusterPart
{
    private static readonly (string Name, string Settings)[] Detectors =
    [
        ("quick", "heartbeat = 250ms, pause = 1000ms, stable-after = 2s"),
        ("default", ""),
        ("slow", "heartbeat = 1s, pause = 3s, stable-after = 10s"),
    ];

    public static Command Build(Option<string> output)
    {
        var seconds = new Option<int>("--seconds") { Description = "Seconds for each count", DefaultValueFactory = _ => 120 };
        var runs = new Option<int>("--runs") { Description = "Nodes killed for each detector", DefaultValueFactory = _ => 3 };
        var program = new Option<string>("--dmmd") { Description = "The daemon", DefaultValueFactory = _ => "bin/dmmd" };
        var command = new Command("cluster", "How soon a dead node is seen, and how often one is believed dead wrongly")
        {
            seconds, runs, program, output,
        };
        command.SetAction((parse, cancellation) => PartRun.GuardAsync(
            "cluster",
            say => RunAsync(
                TimeSpan.FromSeconds(parse.GetValue(seconds)), parse.GetValue(runs), Path.GetFullPath(parse.GetValue(program)!),
                parse.GetValue(output)!, say, cancellation),
            cancellation));
        return command;
    }

    private static async Task RunAsync(
        TimeSpan time, int runs, string program, string output, Say say, CancellationToken cancellation)
    {
        var rows = new List<DetectorFigures>();
        foreach (var (name, settings) in Detectors)
        {
            using var cluster = new BenchCluster(program, 3, settings);
            rows.Add(await MeasureAsync(cluster, name, settings, time, runs, say, cancellation));
        }

        var table = new MarkdownTable(
            "failure detector", "all up, s", "unreachable after, s", "taken out after, s", "back after its start, s",
            "false alarms at rest", "on busy processors", "wrongly taken out there");
        foreach (var row in rows)
        {
            table.Add(
                row.Settings.Length == 0 ? row.Detector : $"{row.Detector}: {row.Settings}", MarkdownTable.One(row.AllUp),
                MarkdownTable.Spread(row.Unreachable), MarkdownTable.Spread(row.TakenOut), MarkdownTable.Spread(row.Back),
                MarkdownTable.Number(row.FalseAtRest), MarkdownTable.Number(row.FalseBusy), MarkdownTable.Number(row.DownedBusy));
        }

        var report = new { seconds = time.TotalSeconds, cores = Environment.ProcessorCount, detectors = rows };
        say.Line(ReportFile.Write(output, "cluster.json", report));
        say.Line(table.Write(output, "cluster.md"));
    }

    private static async Task<DetectorFigures> MeasureAsync(
        BenchCluster cluster, string name, string settings, TimeSpan time, int runs, Say say, CancellationToken cancellation)
    {
        foreach (var node in cluster.Nodes)
            cluster.Start(node);
        var allUp = await BenchCluster.UntilAsync(() => cluster.SeeUpAsync(cluster.Nodes, 3, cancellation), "all are up", cancellation);
        say.Line(string.Create(CultureInfo.InvariantCulture, $"{name}: all up after {allUp} s"));

        var (rest, _) = await FalseAlarmsAsync(cluster, time, cancellation);
        var (busy, downed) = await BusyAsync(() => FalseAlarmsAsync(cluster, time, cancellation));
        say.Line(string.Create(
            CultureInfo.InvariantCulture, $"{name}: {rest} false alarms at rest, {busy} on busy processors, {downed} taken out there"));
        await BenchCluster.UntilAsync(() => cluster.SeeUpAsync(cluster.Nodes, 3, cancellation), "all are up again", cancellation);

        var (unreachable, takenOut, back) = (new List<double>(), new List<double>(), new List<double>());
        for (var run = 0; run < runs; run++)
        {
            var (dead, left) = (run % 3, cluster.Nodes.Where(node => node != run % 3).ToList());
            cluster.Kill(dead);
            var seen = await BenchCluster.UntilAsync(
                async () => (await cluster.ViewAsync(left[0], cancellation))?.Members.Any(m => m.UnreachableFrom.Count > 0) == true,
                "it is unreachable", cancellation);
            unreachable.Add(seen);
            takenOut.Add(seen + await BenchCluster.UntilAsync(() => cluster.SeeUpAsync(left, 2, cancellation), "it is out", cancellation));
            cluster.Start(dead);
            back.Add(await BenchCluster.UntilAsync(() => cluster.SeeUpAsync(cluster.Nodes, 3, cancellation), "it is back", cancellation));
            say.Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{name}: unreachable after {unreachable[^1]} s, out after {takenOut[^1]}, back after {back[^1]}"));
        }

        return new(
            name, settings, allUp, Distribution.Of(unreachable), Distribution.Of(takenOut), Distribution.Of(back), rest, busy, downed);
    }

    private static async Task<(int Unreachable, int Downed)> FalseAlarmsAsync(
        BenchCluster cluster, TimeSpan time, CancellationToken cancellation)
    {
        var began = DateTimeOffset.UtcNow;
        await Task.Delay(time, cancellation);
        return (
            await cluster.CountAsync("nodeUnreachable", began, cancellation), await cluster.CountAsync("clusterLost", began, cancellation));
    }

    /// <summary>Four programs for each processor, which compute without end.</summary>
    private static async Task<T> BusyAsync<T>(Func<Task<T>> meanwhile)
    {
        var burners = Enumerable.Range(0, 4 * Environment.ProcessorCount)
            .Select(_ => Process.Start(new ProcessStartInfo("sh", ["-c", "while :; do :; done"]))!).ToList();
        try
        {
            return await meanwhile();
        }
        finally
        {
            foreach (var burner in burners)
            {
                burner.Kill();
                await burner.WaitForExitAsync(CancellationToken.None);
                burner.Dispose();
            }
        }
    }

    /// <summary>Times in seconds; false alarms are counted over all three nodes.</summary>
    private sealed record DetectorFigures(
        string Detector, string Settings, double AllUp, Distribution Unreachable, Distribution TakenOut, Distribution Back, int FalseAtRest,
        int FalseBusy, int DownedBusy);
}
