using Dmm.Core;

namespace Dmm.Simulation.Actors;

/// <summary>
/// A daemon's view of the virtual clock, for whatever takes a <see cref="TimeProvider"/>: its timers end with the daemon.
/// </summary>
internal sealed class VirtualTime(DaemonProcess process) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => process.Clock.Wall;

    public override long GetTimestamp() => (process.Clock.Moment - Moment.Origin).Ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Timer(process, () => callback(state), dueTime, period);

    private sealed class Timer : ITimer
    {
        private readonly DaemonProcess _process;
        private readonly Action _callback;
        private VirtualClock.Alarm? _alarm;

        public Timer(DaemonProcess process, Action callback, TimeSpan dueTime, TimeSpan period)
        {
            (_process, _callback) = (process, callback);
            Change(dueTime, period);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _alarm?.TakeBack();
            _alarm = dueTime < TimeSpan.Zero ? null : _process.After(dueTime, () =>
            {
                if (period > TimeSpan.Zero)
                    Change(period, period);
                _callback();
            });
            return true;
        }

        public void Dispose() => _alarm?.TakeBack();

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
