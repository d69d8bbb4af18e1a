using Dmm.Contracts;

namespace Dmm.Commands.Daemon;

/// <summary>
/// A place among a daemon's events. Not a time: the host's clock may be set in between. The event that stands there tells whether the
/// numbers are still those of the same daemon; the next one counts from 1.
/// </summary>
/// <param name="last">Null: nothing had happened yet.</param>
public sealed class EventMark(EventFeed feed, EventView? last)
{
    /// <summary>What has happened since.</summary>
    public async Task<IReadOnlyList<EventView>> SinceAsync(CancellationToken cancellation)
    {
        if (last is null)
            return await feed.AfterAsync(0, cancellation);
        var events = await feed.AfterAsync(last.Sequence - 1, cancellation);
        return !Stands(events) ? await feed.AfterAsync(0, cancellation)
            : events[0].Sequence == last.Sequence ? events[1..]
            : events;
    }

    /// <summary>The same daemon goes on.</summary>
    public async Task<bool> StandsAsync(CancellationToken cancellation) =>
        last is null || Stands(await feed.AfterAsync(last.Sequence - 1, cancellation));

    /// <summary>Only so many events are kept: it may have been let go of, and those after it stand first.</summary>
    private bool Stands(EventView[] events) => events.Length > 0 && (events[0] == last || events[0].Sequence > last!.Sequence);
}
