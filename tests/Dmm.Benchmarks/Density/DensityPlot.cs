using ScottPlot;

namespace Dmm.Benchmarks.Density;

/// <summary>
/// Shows for each law how many VMs it held on real guests, and beside it the lab's result for the same load. Only the lab has perfect
/// foresight.
/// </summary>
internal static class DensityPlot
{
    private const int Width = 1000;
    private const int Height = 600;
    private const double Apart = 0.2;
    private const double Thick = 0.38;

    private static readonly Color Real = Color.FromHex("#08306b");
    private static readonly Color Lab = Color.FromHex("#9ecae1");

    public static void Save(DensityBenchReport report, string file)
    {
        var plot = new Plot();
        foreach (var (i, law) in report.Lab.Laws.Index())
        {
            if (report.Laws.FirstOrDefault(l => l.Law == law.Law) is { } real)
                Bar(plot, i - Apart, real.Holds, Real);
            Bar(plot, i + Apart, law.Mean, Lab);
        }

        plot.Axes.Bottom.SetTicks([.. report.Lab.Laws.Select((_, i) => (double)i)], [.. report.Lab.Laws.Select(l => l.Law)]);
        plot.Legend.ManualItems.Add(new() { LabelText = "real guests", FillColor = Real });
        plot.Legend.ManualItems.Add(new() { LabelText = "lab, mean over orders", FillColor = Lab });
        plot.ShowLegend(Alignment.UpperLeft);
        plot.Title("VMs that the same memory holds");
        plot.YLabel("VMs");
        plot.Axes.Margins(bottom: 0);
        plot.SavePng(file, Width, Height);
    }

    private static void Bar(Plot plot, double at, double vms, Color colour)
    {
        var bar = plot.Add.Bar(at, vms);
        (bar.Bars[0].Size, bar.Color) = (Thick, colour);
    }
}
