using Dmm.Contracts;

namespace Dmm.Commands.Daemon;

/// <summary>
/// A position in a daemon's events. It is not a time, because the host's clock may be set in between. The event at that position shows
/// whether the numbers are still those of the same daemon: the next daemon counts from 1.
/// </summary>
/// <param name="last">The last event so far; null where there was none yet.</param>
public sealed class EventMark(EventFeed feed, EventView? last)
{
    /// <summary>Returns the events since the mark.</summary>
    public async Task<IReadOnlyList<EventView>> SinceAsync(CancellationToken cancellation)
    {
        if (last is null)
            return await feed.AfterAsync(0, cancellation);
        var events = await feed.AfterAsync(last.Sequence - 1, cancellation);
        return !Stands(events) ? await feed.AfterAsync(0, cancellation)
            : events[0].Sequence == last.Sequence ? events[1..]
            : events;
    }

    /// <summary>True where the same daemon is still running.</summary>
    public async Task<bool> StandsAsync(CancellationToken cancellation) =>
        last is null || Stands(await feed.AfterAsync(last.Sequence - 1, cancellation));

    /// <summary>
    /// True where the marked event is still first, or was dropped (only so many events are kept), so that later events are first.
    /// </summary>
    private bool Stands(EventView[] events) => events.Length > 0 && (events[0] == last || events[0].Sequence > last!.Sequence);
}
