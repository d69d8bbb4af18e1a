using Dmm.Benchmarks.Figures;
using ScottPlot;
using ScottPlot.MultiplotLayouts;

namespace Dmm.Benchmarks.Live;

/// <summary>Three rows over the same laws: reaction, operations per second, stall. A bar is the median, a dot is one measurement.</summary>
internal static class LivePlot
{
    private const int Width = 1200;
    private const int Height = 1350;

    private static readonly Color Bar = Color.FromHex("#9ecae1");
    private static readonly Color Dot = Color.FromHex("#08306b");
    private static readonly Color Never = Color.FromHex("#cb181d");

    public static void Save(LiveReport report, string file)
    {
        var multiplot = new Multiplot();
        multiplot.AddPlots(3);
        multiplot.Layout = new Rows();
        var most = report.Settings.Phase.TotalMilliseconds;
        Draw(multiplot.GetPlot(0), report,
            "Reaction on a full host: burst to the first new memory that the guest can use (red: not within the phase)", "ms",
            run => run.Phases.Where(p => p.Kind == PhaseKind.HostIsFull).Select(p => p.FirstMs), most);
        Draw(multiplot.GetPlot(1), report, "A load that moves from guest to guest", "operations a second", run => [run.OperationsPerSecond],
            most);
        Draw(multiplot.GetPlot(2), report, "Stall of all guests in a run (PSI some)", "seconds", run => [run.StallSomeMs / 1000], most);
        multiplot.SavePng(file, Width, Height);
    }

    private static void Draw(
        Plot plot, LiveReport report, string title, string unit, Func<LiveRun, IEnumerable<double?>> values, double never)
    {
        foreach (var (i, law) in report.Laws.Index())
        {
            List<double?> all = [.. report.Runs.Where(r => r.Law == law.Law).SelectMany(values)];
            var bar = plot.Add.Bar(i, Distribution.Of(all).Median ?? never);
            bar.Color = Bar;
            foreach (var (k, value) in all.Index())
            {
                var dot = plot.Add.Marker(i - 0.3 + (0.6 * (k + 0.5) / all.Count), value ?? never, MarkerShape.FilledCircle, 7);
                dot.Color = value is null ? Never : Dot;
            }
        }

        plot.Axes.Bottom.SetTicks([.. report.Laws.Select((_, i) => (double)i)], [.. report.Laws.Select(l => l.Law)]);
        plot.Title(title);
        plot.YLabel(unit);
        plot.Axes.Margins(bottom: 0);
    }
}
