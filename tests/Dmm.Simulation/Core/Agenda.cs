using Dmm.Core;

namespace Dmm.Simulation.Core;

/// <summary>
/// Virtual time and the schedule: one thing after the other, those of the same moment in the order in which they were scheduled. The
/// random delays of the schedule stand for all concurrency of the real program.
/// </summary>
internal sealed class Agenda
{
    private readonly PriorityQueue<Action, Turn> _items = new();
    private long _number;

    public Moment Now { get; private set; } = Moment.Origin;

    public void In(TimeSpan delay, Action act) => At(Now + delay, act);

    public void At(Moment when, Action act) => _items.Enqueue(act, new(Moment.Max(when, Now), _number++));

    /// <summary>Does what comes next. Returns false if nothing is left to do.</summary>
    public bool Next()
    {
        if (!_items.TryDequeue(out var act, out var turn))
            return false;
        Now = turn.When;
        act();
        return true;
    }

    private readonly record struct Turn(Moment When, long Number) : IComparable<Turn>
    {
        public int CompareTo(Turn other) => When != other.When ? When.CompareTo(other.When) : Number.CompareTo(other.Number);
    }
}

/// <summary>Messages of one sender to one receiver: each may be late, but none overtakes another.</summary>
internal sealed class Line(Agenda agenda)
{
    private Moment _last;

    public void Send(TimeSpan delay, Action deliver)
    {
        var when = agenda.Now + delay;
        _last = when > _last ? when : _last;
        agenda.At(_last, deliver);
    }
}
