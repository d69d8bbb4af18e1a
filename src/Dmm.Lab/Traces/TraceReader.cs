using System.Globalization;
using System.IO.Compression;
using Dmm.Core;
using Dmm.Files;

namespace Dmm.Lab.Traces;

/// <summary>
/// Reads traces, one file per VM. Public archives contain invalid rows. Such a row is counted, reported with file and line, and left
/// out, unless <paramref name="strict"/> makes it an error. The number of rows kept is at most <see cref="MostRows"/>.
/// </summary>
/// <param name="progress">Called with the number of files that were read, and the number of all files.</param>
public sealed class TraceReader(TraceFormat format = TraceFormat.Auto, bool strict = false, Action<int, int>? progress = null)
{
    /// <summary>800 MB in memory: ten times the whole published archive.</summary>
    public const long MostRows = 100_000_000;

    private const int NamedBadRows = 20;

    /// <summary>
    /// A time above this (the year 5138) is in milliseconds, as the archive's heading says, although its rows are in seconds.
    /// </summary>
    private const double MostSeconds = 1e11;

    private readonly List<string> _bad = [];
    private long _badCount;
    private long _rows;

    /// <param name="paths">
    /// Files, and folders whose <c>*.csv</c> and <c>*.csv.gz</c> are read, those of their subfolders included.
    /// </param>
    /// <exception cref="LabException">A path does not exist, a file is not a trace, or a row is bad and strict is set.</exception>
    public TraceSet Read(IReadOnlyList<string> paths, CancellationToken cancellation)
    {
        var files = TraceFiles.Of(paths);
        var vms = new List<VmTrace>(files.Count);
        foreach (var (name, file) in files)
        {
            cancellation.ThrowIfCancellationRequested();
            if (ReadFile(name, file, cancellation) is { } trace)
                vms.Add(trace);
            progress?.Invoke(vms.Count, files.Count);
        }

        return new(vms, _rows, _badCount, _bad);
    }

    /// <returns>Null where no row is left.</returns>
    private VmTrace? ReadFile(string name, string file, CancellationToken cancellation)
    {
        try
        {
            using var raw = RegularFile.Open(file);
            using Stream stream = file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(raw, CompressionMode.Decompress) : raw;
            using var reader = new StreamReader(stream);
            return ReadRows(name, file, reader, cancellation);
        }
        catch (WrongFileException e)
        {
            throw new LabException(e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{file} can't be read: {e.Message}");
        }
    }

    private VmTrace? ReadRows(string name, string file, StreamReader reader, CancellationToken cancellation)
    {
        var seconds = new List<int>();
        var used = new List<uint>();
        long start = 0, max = 0, line = 1;
        try
        {
            var columns = TraceColumns.Of(reader.ReadLine(), format, file);
            while (reader.ReadLine() is { } text)
            {
                line++;
                if ((line & 0xFFF) == 0)
                    cancellation.ThrowIfCancellationRequested();
                if (text.AsSpan().Trim().IsEmpty)
                    continue;
                if (Parse(text, columns, out var row) is { } fault)
                {
                    Bad(file, line, fault);
                    continue;
                }

                if (seconds.Count == 0)
                    start = row.Time;
                var at = row.Time - start;
                if (at > int.MaxValue || (seconds.Count > 0 && at < seconds[^1]))
                {
                    Bad(file, line,
                        $"its time is {row.Time}; it must not be before the row above it, {start + seconds.LastOrDefault()}, nor 68 "
                            + $"years after the first");
                    continue;
                }

                max = Math.Max(max, Math.Max(row.Provisioned, row.Used));
                if (seconds.Count > 0 && seconds[^1] == at)
                {
                    // A VM that moved between two collectors has two rows for the same time, one of them with zero.
                    used[^1] = Math.Max(used[^1], (uint)row.Used);
                    continue;
                }

                if (++_rows > MostRows)
                    throw new LabException($"{file}:{line}: more than {MostRows} rows; give fewer files, or a part of them");
                seconds.Add((int)at);
                used.Add((uint)row.Used);
            }
        }
        catch (InvalidDataException e)
        {
            Bad(file, line, $"the rest can't be decompressed: {e.Message}");
        }

        return seconds.Count == 0 ? null : new(name, start, [.. seconds], [.. used], MemorySize.FromKiB(max));
    }

    /// <returns>The fault of the row; null where it has none.</returns>
    private static string? Parse(ReadOnlySpan<char> text, TraceColumns columns, out (long Time, long Provisioned, long Used) row)
    {
        row = default;
        Span<Range> fields = stackalloc Range[64];
        var count = text.Split(fields, columns.Separator, StringSplitOptions.TrimEntries);
        if (count != columns.Count)
            return $"it has {count} fields; it must have {columns.Count}";
        if (!Number(text[fields[columns.Time]], 1e15, out var time))
            return Not(text[fields[columns.Time]], "a time in seconds since 1970");
        if (!Number(text[fields[columns.Provisioned]], uint.MaxValue, out var provisioned))
            return Not(text[fields[columns.Provisioned]], "provisioned memory in KiB, from 0 to 4 TiB");
        if (!Number(text[fields[columns.Used]], uint.MaxValue, out var used))
            return Not(text[fields[columns.Used]], "used memory in KiB, from 0 to 4 TiB");
        row = ((long)(time > MostSeconds ? time / 1000 : time), (long)provisioned, (long)used);
        return null;
    }

    private static bool Number(ReadOnlySpan<char> text, double most, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && value >= 0 && value <= most;

    private static string Not(ReadOnlySpan<char> found, string right) => $"'{(found.Length > 40 ? found[..40] : found)}' is not {right}";

    private void Bad(string file, long line, string fault)
    {
        var text = $"{file}:{line}: {fault}";
        if (strict)
            throw new LabException(text);
        _badCount++;
        if (_bad.Count < NamedBadRows)
            _bad.Add(text);
    }
}
