using System.Globalization;
using Dmm.Core;
using Dmm.Demo.Reporting;
using Spectre.Console;

namespace Dmm.Demo.Screens;

/// <summary>A terminal: the story's last lines above, and below them a bar for each guest that shows its current memory.</summary>
public sealed class LiveScreen(IAnsiConsole console) : IScreen
{
    private const int RowsOfBars = 12;
    private const int BarWidth = 44;

    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private IReadOnlyList<Sample> _guests = [];
    private LiveDisplayContext? _live;

    public async Task RunAsync(Func<Task> story)
    {
        await console.Live(new Text("")).Overflow(VerticalOverflow.Crop).Cropping(VerticalOverflowCropping.Top).StartAsync(async live =>
        {
            lock (_gate)
                _live = live;
            try
            {
                await story();
            }
            finally
            {
                // At the end the terminal shows the whole story, not only the lines that fitted.
                lock (_gate)
                {
                    live.UpdateTarget(new Text(""));
                    _live = null;
                }
            }
        });
        foreach (var line in _lines)
            console.MarkupLine(line);
    }

    public void Chapter(TimeSpan at, string title) => Add($"[bold]{Words.Clock(at)}  {title.EscapeMarkup()}[/]");

    public void Line(TimeSpan at, string text) => Add($"[grey]{Words.Clock(at)}[/]    {text.EscapeMarkup()}");

    public void Judge(TimeSpan at, Check check) => Add(
        $"[grey]{Words.Clock(at)}[/]    {(check.Passed ? "[green]✓[/]" : "[red]✗[/]")} {check.Name.EscapeMarkup()}: "
        + $"[bold]{Words.Measured(check).EscapeMarkup()}[/] [grey]({Words.Limit(check)})[/]");

    public void Show(TimeSpan at, IReadOnlyList<Sample> guests)
    {
        lock (_gate)
        {
            _guests = guests;
            Draw();
        }
    }

    private void Add(string line)
    {
        lock (_gate)
        {
            _lines.Add(line);
            Draw();
        }
    }

    private void Draw()
    {
        var room = Math.Max(4, console.Profile.Height - RowsOfBars);
        _live?.UpdateTarget(
            new Rows([.. _lines.TakeLast(room).Select(l => new Markup(l) { Overflow = Overflow.Ellipsis }), new Text(""), Bars()]));
    }

    private Table Bars()
    {
        var table = new Table { Border = TableBorder.Simple, ShowFooters = true };
        table.AddColumn("VM");
        table.AddColumn(new TableColumn("[green]█[/] load  [blue]█[/] rest of its memory  [grey]│[/] boot"));
        foreach (var title in new[] { "MiB", "plugged", "ballooned", "MemTotal", "ops/s" })
            table.AddColumn(new TableColumn(title).RightAligned());
        foreach (var s in _guests)
        {
            table.AddRow(
                new Markup(s.Vm.EscapeMarkup()), Bar(s), Cell(s.Qemu.Actual), Cell(s.Qemu.Plugged), Cell(s.Qemu.Ballooned),
                new Text(s.Load is { } load ? Mib(load.MemTotal) : "–"),
                new Text(s.Load is { } l ? l.OperationsPerSecond.ToString("#,0", CultureInfo.InvariantCulture) : "–"));
        }

        var sum = _guests.Aggregate(MemorySize.Zero, (all, s) => all + s.Qemu.Actual);
        table.Columns[0].Footer = new Text("all");
        table.Columns[2].Footer = new Text(Mib(sum));
        table.Columns[1].Footer = new Markup($"[grey]of {Mib(Sizes.Guests)} MiB for four[/]");
        return table;
    }

    private static Markup Bar(Sample s)
    {
        var scale = BarWidth / (double)(Sizes.Guests.Bytes);
        var actual = Math.Min(BarWidth, (int)Math.Round(s.Qemu.Actual.Bytes * scale));
        var held = Math.Min(actual, (int)Math.Round((s.Load?.Held.Bytes ?? 0) * scale));
        var boot = (int)Math.Round(s.Qemu.Base.Bytes * scale);
        var blank = new string(' ', BarWidth - actual).ToCharArray();
        if (boot >= actual && boot - actual < blank.Length)
            blank[boot - actual] = '│';
        return new Markup($"[green]{new string('█', held)}[/][blue]{new string('█', actual - held)}[/][grey]{new string(blank)}[/]");
    }

    private static Text Cell(MemorySize size) => new Text(Mib(size));

    private static string Mib(MemorySize size) => (size.Bytes >> 20).ToString("#,0", CultureInfo.InvariantCulture);
}
