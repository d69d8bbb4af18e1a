using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Qmp;

/// <summary>
/// Cuts what a QMP server sends into messages. A message is one JSON value, on one line or, if the monitor was made with
/// <c>pretty=on</c>, on many. A peer that sends something else is not trusted to end its lines: no more than the limit is ever kept.
/// </summary>
/// <param name="maxLength">The longest message in bytes.</param>
/// <param name="pace">Counts each read of the stream, however little it brings; null: reading is not limited.</param>
internal sealed class QmpReader(Stream stream, int maxLength, ReadPace? pace = null) : IAsyncDisposable
{
    private const byte NewLine = (byte)'\n';

    private readonly PipeReader _pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));

    /// <summary>The bytes that were read, and are not part of a message yet.</summary>
    private long _left;

    /// <summary>
    /// The next message; or a line that does not begin with JSON, as <see cref="WireLineKind.Line"/> as well. After anything but a line,
    /// nothing more can be read. A message that the peer did not finish is dropped.
    /// </summary>
    public async ValueTask<WireLine> ReadAsync(CancellationToken cancellation)
    {
        var scan = new Scan();
        while (true)
        {
            var result = await _pipe.ReadAsync(cancellation).ConfigureAwait(false);
            var buffer = result.Buffer;
            if (pace is not null && buffer.Length > _left)
                await pace.TakeAsync(buffer.Length - _left, cancellation).ConfigureAwait(false);
            scan.Advance(buffer);
            var end = scan.End ?? (scan.IsBroken ? LineEnd(buffer, scan.Read) : null);
            if ((end ?? buffer.Length) > maxLength)
                return new([], WireLineKind.TooLong);
            if (end is { } length)
            {
                var message = buffer.Slice(0, length).ToArray();
                _left = buffer.Length - length;
                _pipe.AdvanceTo(buffer.GetPosition(length));
                return new(message.AsSpan().TrimStart(" \t\r\n"u8).ToArray(), WireLineKind.Line);
            }

            _left = buffer.Length;
            _pipe.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
                return new([], WireLineKind.End);
        }
    }

    public ValueTask DisposeAsync() => _pipe.CompleteAsync();

    /// <summary>The end of the line in which the JSON broke off, so that an error can quote it.</summary>
    private static long? LineEnd(ReadOnlySequence<byte> buffer, long brokenAt) =>
        buffer.Slice(brokenAt).PositionOf(NewLine) is { } end ? buffer.Slice(0, end).Length : null;

    /// <summary>Looks for the end of the first value of a buffer that grows, each time from where it stopped.</summary>
    private sealed class Scan
    {
        private JsonReaderState _state;

        /// <summary>The bytes that were read so far.</summary>
        public long Read { get; private set; }

        /// <summary>The length up to the end of the value; null until that has come.</summary>
        public long? End { get; private set; }

        /// <summary>Whether this is not JSON.</summary>
        public bool IsBroken { get; private set; }

        public void Advance(ReadOnlySequence<byte> buffer)
        {
            if (End is not null || IsBroken)
                return;
            var json = new Utf8JsonReader(buffer.Slice(Read), isFinalBlock: false, _state);
            try
            {
                while (End is null && json.Read())
                {
                    if (json.CurrentDepth == 0 && json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
                        End = Read + json.BytesConsumed;
                }
            }
            catch (JsonException)
            {
                IsBroken = true;
            }

            Read += json.BytesConsumed;
            _state = json.CurrentState;
        }
    }
}
