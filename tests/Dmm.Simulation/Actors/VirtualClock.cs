using Dmm.Core;

namespace Dmm.Simulation.Actors;

/// <summary>
/// Time that passes only from one event to the next. Events of the same moment happen in the order in which they were scheduled. The
/// clock belongs to the world, not to the daemon: it goes on when a daemon dies.
/// </summary>
internal sealed class VirtualClock
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly PriorityQueue<Alarm, (long Ticks, long Order)> _alarms = new();
    private long _order;

    /// <summary>True time, which nobody in the world can know; the history uses it.</summary>
    public DateTimeOffset Now { get; private set; } = Start;

    /// <summary>The host's monotonic clock.</summary>
    public Moment Moment => Moment.Origin + ((OneClock ? Wall : Now) - Start);

    /// <inheritdoc cref="SimulationPlan.OneClock"/>
    public bool OneClock { get; init; }

    /// <summary>The error of the host's time of day.</summary>
    public TimeSpan Off { get; set; }

    /// <summary>The host's time of day.</summary>
    public DateTimeOffset Wall => Now + Off;

    /// <summary>Runs <paramref name="run"/> after that time, unless the alarm is cancelled before.</summary>
    /// <param name="off">Called when its time has come: true if the alarm was called off meanwhile.</param>
    public Alarm After(TimeSpan delay, Action run, Func<bool>? off = null)
    {
        var alarm = new Alarm(run, off);
        var at = Now + (delay > TimeSpan.Zero ? delay : TimeSpan.Zero);
        _alarms.Enqueue(alarm, (at.Ticks, ++_order));
        return alarm;
    }

    /// <summary>Goes on to the next event and runs it.</summary>
    /// <returns>False if no event is left.</returns>
    public bool GoOn()
    {
        while (_alarms.TryDequeue(out var alarm, out var when))
        {
            if (alarm.TakenBack)
                continue;
            Now = new(when.Ticks, TimeSpan.Zero);
            alarm.Run();
            return true;
        }

        return false;
    }

    /// <summary>An action that is to run.</summary>
    internal sealed class Alarm(Action run, Func<bool>? off)
    {
        private bool _takenBack;

        public bool TakenBack => _takenBack || off?.Invoke() == true;

        public Action Run { get; } = run;

        public void TakeBack() => _takenBack = true;
    }
}
