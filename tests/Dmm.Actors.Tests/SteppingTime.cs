using Akka.Actor;
using Akka.TestKit;

namespace Dmm.Actors.Tests;

/// <summary>
/// One virtual time for actors and simulation, which is that of Akka's timers. The wall clock can be set forward and back independently.
/// </summary>
public sealed class SteppingTime(TestScheduler scheduler) : TimeProvider
{
    private readonly DateTimeOffset _start = scheduler.Now;
    private long _off;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => scheduler.Now + new TimeSpan(Interlocked.Read(ref _off));

    public override long GetTimestamp() => (scheduler.Now - _start).Ticks;

    /// <summary>Sets the host's time of day, as an operator or NTP does.</summary>
    public void Step(TimeSpan by) => Interlocked.Add(ref _off, by.Ticks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var cancel = new Cancelable((IActionScheduler)scheduler);
        if (period > TimeSpan.Zero)
            scheduler.Advanced.ScheduleRepeatedly(dueTime, period, () => callback(state), cancel);
        else
            scheduler.Advanced.ScheduleOnce(dueTime, () => callback(state), cancel);
        return new Timer(cancel);
    }

    private sealed class Timer(ICancelable cancel) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) =>
            dueTime == Timeout.InfiniteTimeSpan ? Cancel() : throw new NotSupportedException("the simulation never changes a timer");

        public void Dispose() => cancel.Cancel();

        public ValueTask DisposeAsync()
        {
            cancel.Cancel();
            return ValueTask.CompletedTask;
        }

        private bool Cancel()
        {
            cancel.Cancel();
            return true;
        }
    }
}
