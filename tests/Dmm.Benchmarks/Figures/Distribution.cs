namespace Dmm.Benchmarks.Figures;

/// <summary>
/// The statistics of a few measurements: middle and spread. A measurement that did not end within its deadline counts as the largest.
/// </summary>
/// <param name="Count">The number of all measurements.</param>
/// <param name="Missing">The number of those that did not end within the deadline.</param>
/// <param name="Least">Null if no measurement ended. In the other figures null means too: not within the deadline.</param>
internal sealed record Distribution(int Count, int Missing, double? Least, double? Median, double? P90, double? P99, double? Most)
{
    public static Distribution Of(IEnumerable<double?> values)
    {
        var all = values.ToArray();
        double[] came = [.. all.OfType<double>().Order()];
        return new(all.Length, all.Length - came.Length, At(came, all.Length, 0), At(came, all.Length, 0.5), At(came, all.Length, 0.9),
            At(came, all.Length, 0.99), At(came, all.Length, 1));
    }

    public static Distribution Of(IEnumerable<double> values) => Of(values.Select(v => (double?)v));

    public static double Middle(IEnumerable<double> values) =>
        Of(values).Median ?? throw new InvalidOperationException("There is no median of no values.");

    /// <summary>One line of text: median, 90th percentile, largest.</summary>
    public string Text(string unit) =>
        Count == 0 ? "none"
        : $"{One(Median)} {unit} (90 %: {One(P90)}, most {One(Most)}; {Count})".Replace("never " + unit, "never", StringComparison.Ordinal);

    private static string One(double? value) =>
        value is { } v ? v.ToString(v >= 100 ? "0" : v >= 10 ? "0.0" : "0.00", System.Globalization.CultureInfo.InvariantCulture) : "never";

    /// <summary>
    /// Interpolates linearly between two neighbours, as spreadsheets do; null if one of them did not end within the deadline.
    /// </summary>
    private static double? At(double[] sorted, int count, double part)
    {
        if (count == 0)
            return null;
        var at = part * (count - 1);
        var (low, high) = ((int)Math.Floor(at), (int)Math.Ceiling(at));
        return high >= sorted.Length ? null : Math.Round(sorted[low] + ((sorted[high] - sorted[low]) * (at - low)), 4);
    }
}
