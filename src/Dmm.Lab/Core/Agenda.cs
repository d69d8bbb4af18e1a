namespace Dmm.Lab.Core;

/// <summary>
/// Virtual time, and what is to happen when: one thing after the other, those of the same moment in the order in which they were put down. All
/// concurrency of the real program is the delays that are drawn for this.
/// </summary>
internal sealed class Agenda(DateTimeOffset start)
{
    private readonly PriorityQueue<Action, Moment> _items = new();
    private long _number;

    public DateTimeOffset Now { get; private set; } = start;

    public void In(TimeSpan delay, Action act) => At(Now + delay, act);

    public void At(DateTimeOffset when, Action act) => _items.Enqueue(act, new(Math.Max(when.UtcTicks, Now.UtcTicks), _number++));

    /// <summary>Does what comes next. False where nothing is left to happen.</summary>
    public bool Next()
    {
        if (!_items.TryDequeue(out var act, out var moment))
            return false;
        Now = new(moment.Ticks, TimeSpan.Zero);
        act();
        return true;
    }

    private readonly record struct Moment(long Ticks, long Number) : IComparable<Moment>
    {
        public int CompareTo(Moment other) => Ticks != other.Ticks ? Ticks.CompareTo(other.Ticks) : Number.CompareTo(other.Number);
    }
}

/// <summary>Messages of one sender to one receiver: each may be late, none overtakes another.</summary>
internal sealed class Line(Agenda agenda)
{
    private DateTimeOffset _last;

    public void Send(TimeSpan delay, Action deliver)
    {
        var when = agenda.Now + delay;
        _last = when > _last ? when : _last;
        agenda.At(_last, deliver);
    }
}
