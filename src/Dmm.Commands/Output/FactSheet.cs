using Spectre.Console;
using Spectre.Console.Rendering;

namespace Dmm.Commands.Output;

/// <summary>A list of facts: a name, a value, and a short explanation where that helps. Unknown values are left out.</summary>
public sealed class FactSheet
{
    private readonly Table _table = new Table { Border = TableBorder.None, ShowHeaders = false }
        .AddColumn(new TableColumn("") { Padding = new Padding(0, 0, 2, 0), NoWrap = true })
        .AddColumn(new TableColumn("") { Padding = new Padding(0, 0, 0, 0) });

    public FactSheet Add(string name, string? value, string? more = null, Style? style = null)
    {
        if (value is null or Show.Unknown)
            return this;
        var text = new Paragraph(Plain.Of(value), style ?? Style.Plain);
        if (more is not null)
            text.Append($"  {Plain.Of(more)}", Show.Quiet);
        _table.AddRow(new Text(name, Show.Quiet), text);
        return this;
    }

    public FactSheet AddSize(string name, long? bytes, string? more = null) => Add(name, Show.Size(bytes), more);

    public void WriteTo(Terminal terminal) => terminal.Write(_table);

    /// <summary>A table without lines, as wide as its content.</summary>
    /// <param name="columns">The columns' names. A name that begins with <c>&gt;</c> is a column of numbers, aligned right.</param>
    public static Table Columns(params IReadOnlyList<string> columns)
    {
        var table = new Table { Border = TableBorder.None };
        foreach (var (i, column) in columns.Index())
        {
            var number = column.StartsWith('>');
            table.AddColumn(new TableColumn(new Text(column.TrimStart('>'), Show.Quiet))
            {
                Alignment = number ? Justify.Right : Justify.Left,
                Padding = new Padding(0, 0, i == columns.Count - 1 ? 0 : 2, 0),
                NoWrap = i > 0,
            });
        }

        return table;
    }

    public static IRenderable Cell(string text, Style? style = null) => new Text(Plain.Of(text), style);
}
