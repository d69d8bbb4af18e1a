using System.Collections.Immutable;
using System.Threading.Channels;
using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Events;

namespace Dmm.Actors.Events;

/// <summary>
/// What happened, and why: the last so many happenings, numbered, for <c>dmm events</c>. What is kept and told decides <see
/// cref="EventBook"/>.
/// </summary>
public sealed class EventLogActor : ReceiveActor
{
    /// <param name="AfterSequence">Only those after it.</param>
    /// <param name="Last">No more than so many, the last ones.</param>
    public sealed record Read(DateTimeOffset? Since, long AfterSequence = 0, int Last = int.MaxValue);

    public sealed record Events(ImmutableArray<Numbered> Items);

    /// <summary>
    /// Each happening from now on is written to the channel; one that is full misses some rather than holding anybody up.
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

    /// <remarks>It is to listen to <see cref="Notice"/>.</remarks>
    public static Props Props(int keep, TimeProvider time) => Akka.Actor.Props.Create(() => new EventLogActor(keep, time));

    protected override void PostStop()
    {
        foreach (var follower in _followers)
            follower.TryComplete();
    }
}
