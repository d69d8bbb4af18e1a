using System.Globalization;

namespace Dmm.Benchmarks.Figures;

/// <summary>
/// A part's figures in the form of docs/operate/results.md, written beside the JSON, so that nobody copies figures by hand.
/// </summary>
internal sealed class MarkdownTable(params string[] heading)
{
    private readonly List<string> _lines = [Row(heading), Row(heading.Select(_ => "---"))];

    public MarkdownTable Add(params string[] cells)
    {
        if (cells.Length != heading.Length)
            throw new ArgumentException($"The row has {cells.Length} cells; it must have {heading.Length}.", nameof(cells));
        _lines.Add(Row(cells));
        return this;
    }

    /// <returns>The path of the file.</returns>
    public string Write(string folder, string name)
    {
        Directory.CreateDirectory(folder);
        var file = Path.Combine(folder, name);
        File.WriteAllLines(file, _lines);
        return file;
    }

    /// <summary>Median, 90th percentile, largest; and how many of all measurements did not end within the deadline.</summary>
    public static string Spread(Distribution of) => of.Count == 0
        ? ""
        : $"{One(of.Median)} / {One(of.P90)} "
        + $"/ {One(of.Most)}{(of.Missing > 0 ? string.Create(CultureInfo.InvariantCulture, $" ({of.Missing} of {of.Count} never)") : "")}";

    public static string One(double? value) =>
        value is not { } v ? "never"
        : v.ToString(Math.Abs(v) switch { >= 100 => "#,0", >= 10 => "0.0", 0 => "0", _ => "0.00" }, CultureInfo.InvariantCulture);

    public static string Number(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Row(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |";
}
