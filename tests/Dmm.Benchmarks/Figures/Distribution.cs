namespace Dmm.Benchmarks.Figures;

/// <summary>
/// What is told of a handful of measurements: middle and spread. Measurements that never came within their deadline count as the largest.
/// </summary>
/// <param name="Count">All of them.</param>
/// <param name="Missing">Those that never came.</param>
/// <param name="Least">Null where none came; so in the other figures: null means that it never came within the deadline.</param>
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
        Of(values).Median ?? throw new InvalidOperationException("There is no middle of nothing.");

    /// <summary>In a line of text: median, 90th percentile, most.</summary>
    public string Text(string unit) =>
        Count == 0 ? "none"
        : $"{One(Median)} {unit} (90 %: {One(P90)}, most {One(Most)}; {Count})".Replace("never " + unit, "never", StringComparison.Ordinal);

    private static string One(double? value) =>
        value is { } v ? v.ToString(v >= 100 ? "0" : v >= 10 ? "0.0" : "0.00", System.Globalization.CultureInfo.InvariantCulture) : "never";

    /// <summary>Between two neighbours in a line, as spreadsheets do it; never where one of them never came.</summary>
    private static double? At(double[] sorted, int count, double part)
    {
        if (count == 0)
            return null;
        var at = part * (count - 1);
        var (low, high) = ((int)Math.Floor(at), (int)Math.Ceiling(at));
        return high >= sorted.Length ? null : Math.Round(sorted[low] + ((sorted[high] - sorted[low]) * (at - low)), 4);
    }
}
