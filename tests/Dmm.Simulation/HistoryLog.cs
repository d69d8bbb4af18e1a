using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Dmm.Simulation;

/// <summary>
/// What happened in a history, one line a happening. Keeps the last lines for a report; writes all of them, up to a bound, where somebody
/// reads along. While nobody does and nothing is kept, a line costs nothing: it is not even put together.
/// </summary>
public sealed class HistoryLog(int keep, TextWriter? reader = null, long readerLines = HistoryLog.MostLines)
{
    /// <summary>No history is printed beyond this.</summary>
    public const long MostLines = 200_000;

    private readonly string[] _ring = new string[keep];
    private ExceptionDispatchInfo? _readerFault;
    private long _count;

    /// <summary>Takes no note of anything.</summary>
    public static HistoryLog Nothing => new(0);

    public bool Wanted => _ring.Length > 0 || reader is not null;

    /// <summary>The lines that were kept, oldest first.</summary>
    public IReadOnlyList<string> Last
    {
        get
        {
            var lines = new List<string>(_ring.Length);
            for (var i = Math.Max(0, _count - _ring.Length); i < _count; i++)
                lines.Add(_ring[i % _ring.Length]);
            return lines;
        }
    }

    /// <summary>The step that is under way, from 1.</summary>
    public long Step { get; set; } = 1;

    /// <summary>
    /// Called when the lines can't be written any more: a history that nobody reads need not go on. It is no fault of the history's.
    /// </summary>
    public Action? ReaderGone { get; init; }

    /// <summary>Throws what kept the lines from being written, if something did.</summary>
    public void ThrowIfReaderGone() => _readerFault?.Throw();

    /// <summary>Something happened in the step that is under way.</summary>
    public void Note([InterpolatedStringHandlerArgument("")] ref Line line) => Add(Step, ref line);

    /// <param name="step">The step in which it happened, from 1.</param>
    public void Add(long step, [InterpolatedStringHandlerArgument("")] ref Line line)
    {
        if (!Wanted)
            return;
        var text = $"{step,9}  {line.Text()}";
        if (_ring.Length > 0)
            _ring[_count % _ring.Length] = text;
        _count++;
        if (_count <= readerLines)
            Print(text);
        else if (_count == readerLines + 1)
            Print($"           … more than {readerLines} lines: the rest is not printed");
    }

    private void Print(string line)
    {
        if (_readerFault is not null)
            return;
        try
        {
            reader?.WriteLine(line);
        }
        catch (Exception fault)
        {
            _readerFault = ExceptionDispatchInfo.Capture(fault);
            ReaderGone?.Invoke();
        }
    }

    /// <summary>An interpolated line that is put together only where it is wanted.</summary>
    [InterpolatedStringHandler]
    public ref struct Line
    {
        private DefaultInterpolatedStringHandler _text;
        private readonly bool _wanted;

        public Line(int literalLength, int formattedCount, HistoryLog log, out bool wanted)
        {
            _wanted = wanted = log.Wanted;
            _text = wanted ? new(literalLength, formattedCount, System.Globalization.CultureInfo.InvariantCulture) : default;
        }

        public void AppendLiteral(string value) => _text.AppendLiteral(value);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public void AppendFormatted<T>(T value, string? format) => _text.AppendFormatted(value, format);

        internal string Text() => _wanted ? _text.ToStringAndClear() : "";
    }
}
