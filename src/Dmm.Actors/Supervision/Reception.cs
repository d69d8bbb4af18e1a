using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Hosts;

namespace Dmm.Actors.Supervision;

/// <summary>
/// Who asked something lately. Whoever looks is answered at once, where need be with what was known last; whoever asked for a change that
/// the host's actor can't answer any more is told so.
/// </summary>
internal sealed class Reception(int most)
{
    /// <summary>Longer than any answer is waited for: after that nobody is left to be told.</summary>
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

    /// <returns>True where the host is to be asked: nobody else waits for its answer.</returns>
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

    /// <summary>Whoever has looked longest has waited for so long.</summary>
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
