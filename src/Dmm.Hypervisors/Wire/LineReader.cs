using System.Buffers;
using System.IO.Pipelines;

namespace Dmm.Hypervisors.Wire;

/// <summary>
/// Reads newline-delimited text from a peer that is not trusted: a line longer than the bound is skipped to its end without being kept, so
/// that neither a broken hypervisor nor a hostile guest can fill this process's memory.
/// </summary>
/// <param name="maxLength">The longest line in bytes, its newline not counted.</param>
public sealed class LineReader(Stream stream, int maxLength) : IAsyncDisposable
{
    private readonly PipeReader _pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
    private bool _skipping;

    /// <summary>The next line, without its newline. A last line that has no newline is torn and is dropped.</summary>
    public async ValueTask<WireLine> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var result = await _pipe.ReadAsync(cancellation).ConfigureAwait(false);
            var buffer = result.Buffer;
            if (buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = buffer.Slice(0, end);
                var tooLong = _skipping || line.Length > maxLength;
                var text = tooLong ? [] : line.ToArray();
                _skipping = false;
                _pipe.AdvanceTo(buffer.GetPosition(1, end));
                return new(text, tooLong ? WireLineKind.TooLong : WireLineKind.Line);
            }

            _skipping |= buffer.Length > maxLength;
            _pipe.AdvanceTo(_skipping ? buffer.End : buffer.Start, buffer.End);
            if (result.IsCompleted)
                return new([], WireLineKind.End);
        }
    }

    public ValueTask DisposeAsync() => _pipe.CompleteAsync();
}

public enum WireLineKind
{
    Line,

    /// <summary>A line beyond the bound was skipped; its text is lost.</summary>
    TooLong,

    /// <summary>The peer closed.</summary>
    End,
}

public readonly record struct WireLine(byte[] Text, WireLineKind Kind);
