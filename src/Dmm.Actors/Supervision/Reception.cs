using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Hosts;

namespace Dmm.Actors.Supervision;

/// <summary>
/// The senders of recent requests. A status request is answered at once, if necessary with the last known picture. The sender of a change
/// is told when the host's actor can no longer answer it.
/// </summary>
internal sealed class Reception(int most)
{
    /// <summary>How long the sender of a change is remembered; no sender waits longer for an answer.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(30);

    private readonly Queue<(IActorRef Asker, Moment At)> _changes = new();
    private readonly Queue<(IActorRef Asker, Moment At)> _lookers = new();

    public bool IsFull => _lookers.Count >= most;

    public void Remember(IActorRef asker, Moment now)
    {
        if (_changes.Count >= most)
            _changes.Dequeue();
        _changes.Enqueue((asker, now));
    }

    /// <returns>True where the host must be asked: no other sender waits for its answer.</returns>
    public bool Wait(IActorRef looker, Moment now)
    {
        _lookers.Enqueue((looker, now));
        return _lookers.Count == 1;
    }

    public void Forget(Moment now)
    {
        while (_changes.TryPeek(out var change) && now - change.At > Remembered)
            _changes.Dequeue();
    }

    /// <summary>Whether the oldest status request has waited for this long.</summary>
    public bool Waited(TimeSpan time, Moment now) => _lookers.TryPeek(out var looker) && now - looker.At >= time;

    public void Answer(object answer)
    {
        while (_lookers.TryDequeue(out var looker))
            looker.Asker.Tell(answer);
    }

    public void Refuse(HostProtocol.Refused why)
    {
        foreach (var (asker, _) in _changes)
            asker.Tell(why);
        _changes.Clear();
    }
}
