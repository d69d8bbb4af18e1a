namespace Dmm.Hypervisors.Wire;

/// <summary>
/// Limits what is taken from a peer that is not trusted: pieces (lines, reads, looks) and bytes per second. As much as a second allows may
/// come at once. A reader that waits for it stops reading, so that the peer's own writes block. Not thread-safe.
/// </summary>
/// <param name="perSecond">Pieces per second, at least 1.</param>
/// <param name="bytesPerSecond">Bytes per second, at least 1.</param>
/// <param name="gather">
/// After the limit is reached, as much as this time allows is gathered, so that a flood does not wake the reader at each line; null: 0.1 s.
/// </param>
public sealed class ReadPace(TimeProvider time, int perSecond, long bytesPerSecond = long.MaxValue, TimeSpan? gather = null)
{
    private static readonly TimeSpan UsualGather = TimeSpan.FromMilliseconds(100);

    private double _pieces = perSecond;
    private double _bytes = bytesPerSecond;
    private long _countedAt = time.GetTimestamp();

    /// <summary>Counts one piece of that many bytes; returns when the next one may be taken, at once while both limits are kept.</summary>
    public Task TakeAsync(long bytes, CancellationToken cancellation) =>
        Count(bytes) is var rest && rest > TimeSpan.Zero ? Task.Delay(rest, time, cancellation) : Task.CompletedTask;

    /// <returns>How long to wait before the next piece is taken.</returns>
    private TimeSpan Count(long bytes)
    {
        var passed = time.GetElapsedTime(_countedAt).TotalSeconds;
        _countedAt = time.GetTimestamp();
        _pieces = Math.Min(perSecond, _pieces + (passed * perSecond)) - 1;
        _bytes = Math.Min(bytesPerSecond, _bytes + (passed * bytesPerSecond)) - bytes;
        var lack = Math.Max(-_pieces / perSecond, -_bytes / bytesPerSecond);
        return lack <= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(lack) + (gather ?? UsualGather);
    }
}
