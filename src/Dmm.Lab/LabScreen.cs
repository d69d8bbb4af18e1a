using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace Dmm.Lab;

/// <summary>
/// The output of the lab's verbs: results go to standard output, progress goes to standard error, a line every few seconds.
/// </summary>
internal sealed class LabScreen(TextWriter output, TextWriter error)
{
    private const int Unwrapped = 10_000;
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(3);
    private static readonly JsonSerializerOptions JsonForm = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        Converters = { new JsonStringEnumConverter() },
    };

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _gate = new();
    private TimeSpan _last;

    /// <summary>Reports progress. It may be called at any rate and from any thread; lines that come too soon are dropped.</summary>
    public void Progress(string line)
    {
        lock (_gate)
        {
            if (_clock.Elapsed - _last < Pace)
                return;
            _last = _clock.Elapsed;
            error.WriteLine(line);
        }
    }

    public void Complain(string line)
    {
        lock (_gate)
            error.WriteLine($"dmm: {line}");
    }

    public void Write(string line) => output.WriteLine(line);

    /// <param name="columns">The first column is left-aligned, the others are right-aligned.</param>
    public void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var (i, column) in columns.Index())
        {
            var made = new TableColumn(Markup.Escape(column)) { NoWrap = true };
            table.AddColumn(i == 0 ? made : made.RightAligned());
        }

        foreach (var row in rows)
            table.AddRow([.. row.Select(Markup.Escape)]);
        var drawn = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        var console =
            AnsiConsole.Create(
                new()
                {
                    Out = new AnsiConsoleOutput(drawn),
                    Ansi = AnsiSupport.No,
                    ColorSystem = ColorSystemSupport.NoColors,
                    Interactive = InteractionSupport.No,
                });
        console.Profile.Width = Unwrapped;
        console.Write(table);
        foreach (var line in drawn.ToString().Split('\n'))
        {
            if (line.Trim().Length > 0)
                output.WriteLine(line.TrimEnd());
        }
    }

    /// <param name="file">Null: write nothing; -: standard output.</param>
    /// <exception cref="LabException">The file can't be written.</exception>
    public void Json<T>(string? file, T value)
    {
        if (file is null)
            return;
        var text = JsonSerializer.Serialize(value, JsonForm);
        if (file == "-")
            output.WriteLine(text);
        else
            Save(file, path => File.WriteAllText(path, text + "\n"));
    }

    /// <exception cref="LabException">The file can't be written.</exception>
    public static void Save(string file, Action<string> save)
    {
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder)
                Directory.CreateDirectory(folder);
            save(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{file} can't be written: {e.Message.TrimEnd('.')}") { Failed = true };
        }
    }
}
