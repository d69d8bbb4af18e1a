using System.Buffers;
using System.IO.Pipelines;

namespace Dmm.Hypervisors.Wire;

/// <summary>
/// Reads newline-delimited text from a peer that is not trusted. A line longer than the limit is skipped to its end without being stored,
/// so that neither a broken hypervisor nor a hostile guest can fill this process's memory. A line that is too long is reported at once,
/// and then each skipped part of it: a caller that limits lines per second thereby also limits a line without end.
/// </summary>
/// <param name="maxLength">The longest line in bytes, its newline not counted.</param>
/// <param name="pace">Counts each read of the stream, however little it brings; null: reading is not limited.</param>
public sealed class LineReader(Stream stream, int maxLength, ReadPace? pace = null) : IAsyncDisposable
{
    private readonly PipeReader _pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
    private bool _skipping;

    /// <summary>The bytes that were read, and are not part of a line yet.</summary>
    private long _left;

    /// <summary>
    /// The next line, without its newline, or a report about a part of a long line. A last line without a newline is incomplete and is
    /// dropped.
    /// </summary>
    public async ValueTask<WireLine> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var result = await _pipe.ReadAsync(cancellation).ConfigureAwait(false);
            var buffer = result.Buffer;
            if (pace is not null && buffer.Length > _left)
                await pace.TakeAsync(buffer.Length - _left, cancellation).ConfigureAwait(false);
            if (buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = buffer.Slice(0, end);
                var (skipped, tooLong) = (_skipping, line.Length > maxLength);
                var text = skipped || tooLong ? [] : line.ToArray();
                _skipping = false;
                _left = buffer.Length - line.Length - 1;
                _pipe.AdvanceTo(buffer.GetPosition(1, end));
                return new(text, skipped ? WireLineKind.Skipped : tooLong ? WireLineKind.TooLong : WireLineKind.Line);
            }

            if (_skipping || buffer.Length > maxLength)
            {
                var kind = _skipping ? WireLineKind.Skipped : WireLineKind.TooLong;
                _left = 0;
                _pipe.AdvanceTo(buffer.End);
                _skipping = true;
                return new([], result.IsCompleted ? WireLineKind.End : kind);
            }

            _left = buffer.Length;
            _pipe.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
                return new([], WireLineKind.End);
        }
    }

    public ValueTask DisposeAsync() => _pipe.CompleteAsync();
}

public enum WireLineKind
{
    Line,

    /// <summary>A line beyond the limit has begun; its text is lost.</summary>
    TooLong,

    /// <summary>A further part of that line, a few KiB at most.</summary>
    Skipped,

    /// <summary>The peer has closed the connection.</summary>
    End,
}

public readonly record struct WireLine(byte[] Text, WireLineKind Kind);
