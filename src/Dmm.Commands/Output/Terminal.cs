using System.Text;
using System.Text.Json;
using Dmm.Contracts;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Dmm.Commands.Output;

/// <summary>The output of a command. Colours and wrapping are for people at a terminal; programs get plain, unwrapped lines.</summary>
public sealed class Terminal : IDisposable
{
    /// <summary>
    /// The width, in columns, where output does not go to a terminal: no line is wrapped for a program that reads it.
    /// </summary>
    private const int Unwrapped = 10_000;

    /// <summary>
    /// The least width, in columns, that tables are made for. A narrower terminal wraps the lines by itself, which reads better.
    /// </summary>
    private const int LeastWidth = 80;

    private readonly StringWriter _drawn = new() { NewLine = "\n" };
    private readonly IAnsiConsole _screen;

    public Terminal(TextWriter output, TextWriter error, int? width, bool colours)
    {
        Out = output;
        Error = error;
        _screen = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new Plainly(_drawn, Math.Max(width ?? Unwrapped, LeastWidth)),
            Ansi = colours ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = colours ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
        });
        _screen.Profile.Capabilities.Unicode = true;
    }

    public TextWriter Out { get; }

    public TextWriter Error { get; }

    public static Terminal OfThisProcess()
    {
        var terminal = !Console.IsOutputRedirected;
        var colours = terminal
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
        var utf8 = new UTF8Encoding(false);
        return new Terminal(
            new StreamWriter(new StandardOutput(), utf8) { AutoFlush = true },
            new StreamWriter(new StandardError(), utf8) { AutoFlush = true },
            terminal ? WindowSize.Columns : null,
            colours);
    }

    public void Dispose() => _drawn.Dispose();

    /// <summary>Draws it without trailing blanks, which would disturb copying and comparing.</summary>
    public void Write(IRenderable drawing)
    {
        _screen.Write(drawing);
        var lines = _drawn.ToString().Split('\n').Select(l => l.TrimEnd(' '));
        _drawn.GetStringBuilder().Clear();
        Out.Write(string.Join('\n', lines));
    }

    /// <summary>Writes one line to standard error, without control characters, so that it can't move the cursor.</summary>
    public void Complain(string line) => Error.WriteLine($"dmm: {Plain.Of(line)}");

    /// <summary>Reports progress on standard error, so that standard output holds only the result.</summary>
    public void Progress(string line) => Error.WriteLine(Plain.Of(line));

    public void WriteJson<T>(T value) => Out.WriteLine(JsonSerializer.Serialize(value, ContractJson.IndentedOf<T>()));

    /// <summary>Writes the value as JSON on one line, for values that come one by one.</summary>
    public void WriteJsonLine<T>(T value) => Out.WriteLine(JsonSerializer.Serialize(value, ContractJson.Of<T>()));

    public void WriteLine(string line) => Out.WriteLine(Plain.Of(line));

    /// <summary>
    /// Replaces Spectre's own output, which asks <see cref="Console"/> and so switches the terminal into keypad mode.
    /// </summary>
    private sealed class Plainly(TextWriter writer, int width) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => false;

        public int Width => width;

        public int Height => int.MaxValue;

        public void SetEncoding(Encoding encoding)
        {
            // Always UTF-8.
        }
    }
}
