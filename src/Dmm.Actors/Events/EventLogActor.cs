using System.Collections.Immutable;
using System.Threading.Channels;
using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Events;

namespace Dmm.Actors.Events;

/// <summary>
/// The last notices (what happened, and why), numbered, for <c>dmm events</c>. <see cref="EventBook"/> decides which are kept and
/// reported.
/// </summary>
public sealed class EventLogActor : ReceiveActor
{
    /// <param name="AfterSequence">Only events after this number.</param>
    /// <param name="Last">The most events to return; the last ones.</param>
    public sealed record Read(DateTimeOffset? Since, long AfterSequence = 0, int Last = int.MaxValue);

    public sealed record Events(ImmutableArray<Numbered> Items);

    /// <summary>
    /// Asks for each notice from now on to be written to the channel. A full channel misses some; it never blocks the sender.
    /// </summary>
    public sealed record Follow(ChannelWriter<Numbered> Writer);

    public sealed record Unfollow(ChannelWriter<Numbered> Writer);

    private readonly List<ChannelWriter<Numbered>> _followers = [];

    public EventLogActor(int keep, TimeProvider time)
    {
        var book = new EventBook(keep);
        Receive<Notice>(happening =>
        {
            if (book.Take(happening, Clocks.MomentOf(time) - Moment.Origin) is not { } numbered)
                return;
            foreach (var follower in _followers)
                follower.TryWrite(numbered);
        });
        Receive<Read>(read => Sender.Tell(new Events([.. book.Read(read.Since, read.AfterSequence).TakeLast(read.Last)])));
        Receive<Follow>(follow => { _followers.Add(follow.Writer); });
        Receive<Unfollow>(unfollow => { _followers.Remove(unfollow.Writer); });
    }

    /// <remarks>The actor must be subscribed to <see cref="Notice"/>.</remarks>
    public static Props Props(int keep, TimeProvider time) => Akka.Actor.Props.Create(() => new EventLogActor(keep, time));

    protected override void PostStop()
    {
        foreach (var follower in _followers)
            follower.TryComplete();
    }
}
