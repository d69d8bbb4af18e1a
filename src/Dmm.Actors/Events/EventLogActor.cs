using System.Collections.Immutable;
using System.Threading.Channels;
using Akka.Actor;

namespace Dmm.Actors.Events;

/// <summary>What happened, and why: the last so many happenings, numbered, for <c>dmm events</c>.</summary>
public sealed class EventLogActor : ReceiveActor
{
    public sealed record Numbered(long Sequence, Happening Happening);

    /// <param name="AfterSequence">Only those after it.</param>
    /// <param name="Last">No more than so many, the last ones.</param>
    public sealed record Read(DateTimeOffset? Since, long AfterSequence = 0, int Last = int.MaxValue);

    public sealed record Events(ImmutableArray<Numbered> Items);

    /// <summary>Each happening from now on is written to the channel; one that is full misses some rather than holding anybody up.</summary>
    public sealed record Follow(ChannelWriter<Numbered> Writer);

    public sealed record Unfollow(ChannelWriter<Numbered> Writer);

    private readonly Queue<Numbered> _kept = new();
    private readonly List<ChannelWriter<Numbered>> _followers = [];
    private long _sequence;

    public EventLogActor(int keep)
    {
        Receive<Happening>(happening =>
        {
            var numbered = new Numbered(++_sequence, happening);
            _kept.Enqueue(numbered);
            if (_kept.Count > keep)
                _kept.Dequeue();
            foreach (var follower in _followers)
                follower.TryWrite(numbered);
        });
        Receive<Read>(read => Sender.Tell(new Events(
            [.. _kept.Where(e => e.Sequence > read.AfterSequence && (read.Since is null || e.Happening.At >= read.Since)).TakeLast(read.Last)])));
        Receive<Follow>(follow => { _followers.Add(follow.Writer); });
        Receive<Unfollow>(unfollow => { _followers.Remove(unfollow.Writer); });
    }

    /// <remarks>It is to listen to <see cref="Happening"/>.</remarks>
    public static Props Props(int keep) => Akka.Actor.Props.Create(() => new EventLogActor(keep));

    protected override void PostStop()
    {
        foreach (var follower in _followers)
            follower.TryComplete();
    }
}
