using ScottPlot;
using ScottPlot.MultiplotLayouts;
using ScottPlot.TickGenerators;

namespace Dmm.Lab.Replay;

/// <summary>
/// The upper plot shows shortfall against slack, both logarithmic: one curve for each law over its safety setting, with a larger dot at
/// its default. A law is better when it is below and to the left. The lower plots show need and memory over time of each chosen VM.
/// </summary>
internal static class ReplayPlot
{
    private const int Width = 1400;
    private const int MainHeight = 800;
    private const int VmHeight = 400;

    /// <summary>The least ratio that is drawn, because zero has no logarithm.</summary>
    private const double Least = 1e-6;

    private static readonly ScottPlot.Palettes.Category10 Palette = new();

    /// <param name="vms">The names of the recorded VMs.</param>
    public static void Save(
        IReadOnlyList<ReplayFigures> figures, IReadOnlyList<SafetyCurve> curves, MemoryRecord? record, IReadOnlyList<string> vms,
        string file)
    {
        var multiplot = new Multiplot();
        multiplot.AddPlots(1 + vms.Count);
        multiplot.Layout = new Rows();
        Laws(multiplot.GetPlot(0), figures, curves);
        for (var i = 0; i < vms.Count; i++)
            Memory(multiplot.GetPlot(i + 1), figures, record!, vms[i]);
        multiplot.SavePng(file, Width, MainHeight + (VmHeight * vms.Count));
    }

    private static void Laws(Plot plot, IReadOnlyList<ReplayFigures> figures, IReadOnlyList<SafetyCurve> curves)
    {
        foreach (var (i, law) in figures.Index())
        {
            var colour = Palette.GetColor(i);
            if (curves.FirstOrDefault(c => c.Law == law.Law) is { } curve)
            {
                var line = plot.Add.Scatter(
                    curve.Points.Select(p => Log(p.SlackRatio)).ToArray(), curve.Points.Select(p => Log(p.ShortfallRatio)).ToArray(),
                    colour);
                (line.LineWidth, line.MarkerSize) = (1.5f, 5);
            }

            var own = plot.Add.Marker(Log(law.SlackRatio), Log(law.ShortfallRatio), law.Law == LabLaw.Oracle ? MarkerShape.FilledDiamond
                : MarkerShape.FilledCircle, 13, colour);
            own.LegendText = law.Law;
        }

        plot.Title("Shortfall against slack: each law over its own safety setting, its default the larger mark");
        plot.XLabel("slack: ∫ max(0, memory − need) ÷ ∫ need");
        plot.YLabel("shortfall: ∫ max(0, need − memory) ÷ ∫ need");
        plot.Axes.Bottom.TickGenerator = Decades();
        plot.Axes.Left.TickGenerator = Decades();
        plot.ShowLegend(Edge.Right);
    }

    private static void Memory(Plot plot, IReadOnlyList<ReplayFigures> figures, MemoryRecord record, string vm)
    {
        var drewNeed = false;
        foreach (var (i, law) in figures.Index())
        {
            var points = record.Of(law.Law, vm);
            if (points.Count == 0)
                continue;
            double[] hours = [.. points.Select(p => p.Seconds / 3600)];
            var line = plot.Add.ScatterLine(hours, [.. points.Select(p => p.Actual / (1 << 30))], Palette.GetColor(i));
            line.LegendText = law.Law;
            if (drewNeed)
                continue;
            drewNeed = true;
            var need = plot.Add.ScatterLine(hours, [.. points.Select(p => p.Need / (1 << 30))], Colors.Black);
            (need.LinePattern, need.LegendText) = (LinePattern.Dotted, "need");
        }

        plot.Title($"VM {vm}: need and memory");
        plot.XLabel("hours");
        plot.YLabel("GiB");
        plot.ShowLegend(Edge.Right);
    }

    private static double Log(double ratio) => Math.Log10(Math.Max(ratio, Least));

    private static NumericAutomatic Decades() =>
        new() { LabelFormatter = static value => $"{Math.Pow(10, value):0.####%}", IntegerTicksOnly = true };
}
