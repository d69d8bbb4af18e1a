using System.Globalization;
using Dmm.Demo.Screens;
using Spectre.Console;

namespace Dmm.Demo.Reporting;

/// <summary>The tables at the end.</summary>
public static class Summary
{
    public static void Print(DemoReport report, string artifacts)
    {
        AnsiConsole.WriteLine();
        AnsiConsole.Write(Guests(report));
        AnsiConsole.Write(Checks(report));
        if (report.Fault is { } fault)
            AnsiConsole.MarkupLineInterpolated($"[red]The story was not completed:[/] {fault}");
        var failed = report.Checks.Count(c => !c.Passed);
        AnsiConsole.MarkupLine(report.Passed
            ? $"[green]All {report.Checks.Count} checks passed[/] in {report.Seconds:0} s."
            : $"[red]{failed} of {report.Checks.Count} checks failed[/] in {report.Seconds:0} s.");
        if (!report.Passed)
            Console.WriteLine($"dmmd:   {Path.Combine(artifacts, "dmmd.log")} and {Path.Combine(artifacts, "events.txt")} say what it did");
        Console.WriteLine($"Report: {Path.Combine(artifacts, "report.json")}");
        Console.WriteLine($"Plot:   {Path.Combine(artifacts, "timeline.png")}");
    }

    private static Table Guests(DemoReport report)
    {
        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("guest");
        foreach (var title in new[]
        {
            "boot",
            "most it saw",
            "most plugged",
            "most ballooned",
            "largest",
            "smallest",
            "largest load",
            "OOM kills",
        })
            table.AddColumn(new TableColumn(title).RightAligned());
        foreach (var g in report.Guests)
        {
            table.AddRow(
                g.Name.EscapeMarkup(), Mib(g.BootBytes), Mib(g.PeakGuestMemTotalBytes), Mib(g.PeakPluggedBytes), Mib(g.PeakBalloonedBytes),
                Mib(g.PeakActualBytes), Mib(g.LowestActualBytes), Mib(g.PeakHeldBytes), g.OomKills.ToString(CultureInfo.InvariantCulture));
        }

        return table.Caption("MiB; from the guests and from QEMU");
    }

    private static Table Checks(DemoReport report)
    {
        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn("").AddColumn("check").AddColumn(new TableColumn("measured").RightAligned())
            .AddColumn(new TableColumn("limit").RightAligned()).AddColumn("unit");
        foreach (var c in report.Checks)
        {
            table.AddRow(
                c.Passed ? "[green]ok[/]" : "[red]FAILED[/]", c.Name.EscapeMarkup(), Words.Figure(c.Measured), Words.Limit(c),
                c.Unit.EscapeMarkup());
        }

        return table;
    }

    private static string Mib(long bytes) => (bytes >> 20).ToString("#,0", CultureInfo.InvariantCulture);
}
