using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Dmm.Simulation;

/// <summary>
/// The record of a history, one line per event. Keeps the last lines for a report; writes all of them, up to a bound, if there is a
/// reader. With no reader and nothing to keep, a line costs nothing: its text is not even built.
/// </summary>
public sealed class HistoryLog(int keep, TextWriter? reader = null, long readerLines = HistoryLog.MostLines)
{
    /// <summary>The most lines of one history that are printed.</summary>
    public const long MostLines = 200_000;

    private readonly string[] _ring = new string[keep];
    private ExceptionDispatchInfo? _readerFault;
    private long _count;

    /// <summary>A log that records nothing.</summary>
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

    /// <summary>The current step, from 1.</summary>
    public long Step { get; set; } = 1;

    /// <summary>
    /// Called when the lines can't be written any more: a history without a reader need not go on. This is not a violation.
    /// </summary>
    public Action? ReaderGone { get; init; }

    /// <summary>Throws the fault that kept the lines from being written, if there was one.</summary>
    public void ThrowIfReaderGone() => _readerFault?.Throw();

    /// <summary>Records something that happened in the current step.</summary>
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

    /// <summary>An interpolated line whose text is built only if it is wanted.</summary>
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
