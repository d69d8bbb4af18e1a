namespace Dmm.Lab.Traces;

/// <summary>The file formats of traces.</summary>
public enum TraceFormat
{
    /// <summary>Recognized by the first line of each file.</summary>
    Auto,

    /// <summary>
    /// GWA-T-12 Bitbrains as the Grid Workloads Archive publishes it (Shen, van Beek, Iosup, CCGrid 2015): separated by <c>;</c>,
    /// memory in KB, and a heading "Timestamp [ms]" although the values are in seconds.
    /// </summary>
    GwaT12,

    /// <summary>
    /// <c>timestamp_s,provisioned_kib,used_kib</c>, plain or compressed with gzip: the reduced format, which <c>dmm lab record</c> also
    /// writes.
    /// </summary>
    Dmm,
}

/// <summary>The positions in a row of the three values that the lab needs.</summary>
internal sealed record TraceColumns(char Separator, int Time, int Provisioned, int Used, int Count)
{
    private const string GwaTime = "Timestamp [ms]";
    private const string GwaProvisioned = "Memory capacity provisioned [KB]";
    private const string GwaUsed = "Memory usage [KB]";

    private static readonly TraceColumns DmmForm = new(',', 0, 1, 2, 3);

    /// <exception cref="LabException">The heading has an unknown format, or another than was asked for.</exception>
    public static TraceColumns Of(string? heading, TraceFormat format, string file)
    {
        var line = heading?.TrimStart('\uFEFF').Trim() ?? "";
        if (format is TraceFormat.Auto or TraceFormat.Dmm
            && line.StartsWith("timestamp_s,provisioned_kib,used_kib", StringComparison.Ordinal))
            return DmmForm with { Count = line.Split(',').Length };
        if (format is TraceFormat.Auto or TraceFormat.GwaT12 && line.Contains(';', StringComparison.Ordinal))
        {
            var names = line.Split(';', StringSplitOptions.TrimEntries);
            var (time, provisioned, used) = (Array.IndexOf(names, GwaTime), Array.IndexOf(names, GwaProvisioned),
                Array.IndexOf(names, GwaUsed));
            if (time >= 0 && provisioned >= 0 && used >= 0)
                return new(';', time, provisioned, used, names.Length);
        }

        var right = format switch
        {
            TraceFormat.Dmm => "'timestamp_s,provisioned_kib,used_kib'",
            TraceFormat.GwaT12 => $"'{GwaTime};…;{GwaProvisioned};{GwaUsed};…'",
            _ => $"'timestamp_s,provisioned_kib,used_kib', or GWA-T-12's '{GwaTime};…;{GwaProvisioned};{GwaUsed};…'",
        };
        throw new LabException($"{file}:1: the heading is '{(line.Length > 80 ? line[..80] + "…" : line)}'; it must be {right}");
    }
}
