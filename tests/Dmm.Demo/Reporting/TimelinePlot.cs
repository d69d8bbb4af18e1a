using Dmm.Core;
using ScottPlot;
using ScottPlot.MultiplotLayouts;

namespace Dmm.Demo.Reporting;

/// <summary>
/// Two views of the same run. The upper one shows each guest's memory over time, with a dotted line for what its load holds. The lower
/// one shows the sum of all guests, stacked, against the memory that they share.
/// </summary>
public static class TimelinePlot
{
    private const int Width = 1500;
    private const int Height = 1100;

    /// <summary>Both views have the same padding, so that a moment is at the same horizontal position in both.</summary>
    private static readonly PixelPadding Padding = new(left: 70, right: 190, bottom: 50, top: 40);
    private static readonly Color[] Colors = [
        Color.FromHex("#1f77b4"),
        Color.FromHex("#d9730d"),
        Color.FromHex("#2ca02c"),
        Color.FromHex("#8e44ad"),
    ];

    public static void Save(Timeline timeline, MemorySize budget, string file)
    {
        var samples = timeline.Samples;
        var guests = samples.Select(s => s.Vm).Distinct().Order(StringComparer.Ordinal).ToList();
        if (guests.Count == 0)
            return;
        var multiplot = new Multiplot();
        multiplot.AddPlots(2);
        multiplot.Layout = new Rows();
        Each(multiplot.GetPlot(0), samples, guests);
        Together(multiplot.GetPlot(1), samples, guests, budget);
        foreach (var plot in multiplot.GetPlots())
        {
            Chapters(plot, timeline.Story);
            plot.Layout.Fixed(Padding);
            plot.Axes.SetLimitsX(0, samples[^1].At.TotalSeconds);
            plot.XLabel("seconds");
            plot.YLabel("MiB");
        }

        multiplot.SavePng(file, Width, Height);
    }

    private static void Each(Plot plot, IReadOnlyList<Sample> samples, List<string> guests)
    {
        foreach (var (i, vm) in guests.Index())
        {
            var own = samples.Where(s => s.Vm == vm).ToList();
            var memory = plot.Add.ScatterLine(Seconds(own), [.. own.Select(s => s.Qemu.Actual.Mebibytes)], Colors[i % Colors.Length]);
            memory.LineWidth = 2.5f;
            memory.LegendText = $"{vm}: memory";
            var load = plot.Add.ScatterLine(Seconds(own), [.. own.Select(s => s.Load?.Held.Mebibytes ?? 0)], Colors[i % Colors.Length]);
            load.LineWidth = 1.5f;
            load.LinePattern = LinePattern.Dotted;
            load.LegendText = "its load holds";
        }

        var boot = plot.Add.HorizontalLine(Sizes.Boot.Mebibytes, 1, Color.FromHex("#888888"), LinePattern.Dashed);
        boot.LegendText = "boot memory";
        plot.Title("Each guest's memory (QEMU: base + plugged − ballooned), and what its load holds (guest)");
        plot.Axes.SetLimitsY(0, samples.Max(s => s.Qemu.Actual.Mebibytes) * 1.25);
        plot.ShowLegend(Edge.Right);
    }

    private static void Together(Plot plot, IReadOnlyList<Sample> samples, List<string> guests, MemorySize budget)
    {
        var rounds = samples.GroupBy(s => s.Round).ToList();
        double[] at = [.. rounds.Select(r => r.First().At.TotalSeconds)];
        var below = new double[at.Length];
        foreach (var (i, vm) in guests.Index())
        {
            double[] above = [.. rounds.Select((r, n) => below[n] + (r.FirstOrDefault(s => s.Vm == vm)?.Qemu.Actual.Mebibytes ?? 0))];
            var area = plot.Add.FillY(at, below, above);
            area.FillColor = Colors[i % Colors.Length].WithAlpha(0.65);
            area.LineWidth = 0;
            area.LegendText = vm;
            below = above;
        }

        var line = plot.Add.HorizontalLine(budget.Mebibytes, 2, Color.FromHex("#c0392b"), LinePattern.Dashed);
        line.LegendText = $"{budget} for four";
        plot.Title("All guests together (QEMU)");
        plot.Axes.SetLimitsY(0, Math.Max(budget.Mebibytes, below.Max()) * 1.15);
        plot.ShowLegend(Edge.Right);
    }

    private static void Chapters(Plot plot, IReadOnlyList<StoryLine> story)
    {
        foreach (var chapter in story.Where(s => s.Label is not null))
        {
            plot.Add.VerticalLine(chapter.At.TotalSeconds, 1, Color.FromHex("#999999"));
            var label = plot.Add.Text(chapter.Label!, chapter.At.TotalSeconds, plot.Axes.GetLimits().Top);
            label.LabelFontSize = 13;
            label.LabelFontColor = Color.FromHex("#555555");
            label.OffsetX = 4;
            label.OffsetY = 4;
        }
    }

    private static double[] Seconds(IReadOnlyList<Sample> samples) => [.. samples.Select(s => s.At.TotalSeconds)];
}
