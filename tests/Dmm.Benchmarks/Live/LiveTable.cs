using System.Globalization;
using Dmm.Benchmarks.Figures;

namespace Dmm.Benchmarks.Live;

/// <summary>The table for docs/operate/results.md.</summary>
internal static class LiveTable
{
    public static MarkdownTable Of(LiveReport report)
    {
        var table = new MarkdownTable(
            "law", "first memory, host has room, ms", "first memory, host full, ms", "memory for all of it, host full, ms",
            "operations/s (least to most)", "of unlimited",
            "stall in a run, s", "swapped out in a run, MiB", "OOM kills");
        foreach (var law in report.Laws)
        {
            var operations = law.OperationsPerSecond;
            table.Add(
                $"`{law.Law}`", MarkdownTable.Spread(law.FirstRoomMs), MarkdownTable.Spread(law.FirstFullMs),
                MarkdownTable.Spread(law.AllFullMs),
                $"{MarkdownTable.One(operations.Median)} ({MarkdownTable.One(operations.Least)} to {MarkdownTable.One(operations.Most)})",
                law.OfUnlimited is { } part ? part.ToString("0 %", CultureInfo.InvariantCulture) : "",
                MarkdownTable.Spread(law.StallSomeSeconds),
                MarkdownTable.One(law.SwappedOutMibPerRun), MarkdownTable.Number(law.OomKills + law.Deaths));
        }

        return table.Add(
            "raw QMP plug", "", MarkdownTable.Spread(report.RawFirstMs), MarkdownTable.Spread(report.RawAllMs), "", "", "", "", "");
    }
}
