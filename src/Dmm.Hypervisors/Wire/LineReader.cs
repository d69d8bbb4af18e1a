using System.Buffers;
using System.IO.Pipelines;

namespace Dmm.Hypervisors.Wire;

/// <summary>
/// Reads newline-delimited text from a peer that is not trusted: a line longer than the bound is skipped to its end without being kept, so
/// that neither a broken hypervisor nor a hostile guest can fill this process's memory. That it is too long is told at once, and then each
/// part of it that is skipped, so that whoever reads so many lines a second reads a line without end no faster.
/// </summary>
/// <param name="maxLength">The longest line in bytes, its newline not counted.</param>
public sealed class LineReader(Stream stream, int maxLength) : IAsyncDisposable
{
    private readonly PipeReader _pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
    private bool _skipping;

    /// <summary>
    /// The next line, without its newline, or what stands for a part of a long one. A last line that has no newline is torn and is dropped.
    /// </summary>
    public async ValueTask<WireLine> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var result = await _pipe.ReadAsync(cancellation).ConfigureAwait(false);
            var buffer = result.Buffer;
            if (buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = buffer.Slice(0, end);
                var (skipped, tooLong) = (_skipping, line.Length > maxLength);
                var text = skipped || tooLong ? [] : line.ToArray();
                _skipping = false;
                _pipe.AdvanceTo(buffer.GetPosition(1, end));
                return new(text, skipped ? WireLineKind.Skipped : tooLong ? WireLineKind.TooLong : WireLineKind.Line);
            }

            if (_skipping || buffer.Length > maxLength)
            {
                var kind = _skipping ? WireLineKind.Skipped : WireLineKind.TooLong;
                _pipe.AdvanceTo(buffer.End);
                _skipping = true;
                return new([], result.IsCompleted ? WireLineKind.End : kind);
            }

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

    /// <summary>A line beyond the bound has begun; its text is lost.</summary>
    TooLong,

    /// <summary>A further part of that line, a few KiB at most.</summary>
    Skipped,

    /// <summary>The peer closed.</summary>
    End,
}

public readonly record struct WireLine(byte[] Text, WireLineKind Kind);
