using Dmm.Benchmarks.Figures;

namespace Dmm.Benchmarks.Mechanisms;

/// <summary>One movement: its size and duration.</summary>
internal sealed record Movement(double Mib, double Ms);

/// <summary>A mechanism in the lab's form: time = latency + size ÷ rate.</summary>
internal sealed record LineFit(double LatencyMs, double MibPerSecond)
{
    /// <summary>At a higher rate than this, the size adds no measurable time.</summary>
    private const double MostRate = 1e6;

    /// <summary>
    /// Least squares over the median of each size: other load on the machine makes some movements slow, but none fast. Neither figure is
    /// negative: if larger sizes took no longer, the rate is that of the largest size alone.
    /// </summary>
    public static LineFit Of(IEnumerable<Movement> movements)
    {
        var points = movements.GroupBy(m => m.Mib).OrderBy(g => g.Key)
            .Select(g => (Mib: g.Key, Ms: Distribution.Middle(g.Select(m => m.Ms)))).ToList();
        if (points.Count == 0)
            throw new ArgumentException("Nothing was measured, so there is nothing to fit a line to.", nameof(movements));
        var (x, y) = (points.Average(p => p.Mib), points.Average(p => p.Ms));
        var spread = points.Sum(p => (p.Mib - x) * (p.Mib - x));
        var slope = spread > 0 ? points.Sum(p => (p.Mib - x) * (p.Ms - y)) / spread : 0;
        if (slope <= 0)
            return new(Round(points.Min(p => p.Ms)), Rate(points[^1].Ms / points[^1].Mib));
        var latency = y - (slope * x);
        // A line whose latency would be negative is fitted through the origin instead.
        return latency >= 0 ? new(Round(latency), Rate(slope))
            : new(0, Rate(points.Sum(p => p.Mib * p.Ms) / points.Sum(p => p.Mib * p.Mib)));
    }

    private static double Rate(double msPerMib) => Round(Math.Clamp(1000 / Math.Max(msPerMib, 1e-9), 1, MostRate));

    private static double Round(double value) => Math.Round(value, 1);
}
