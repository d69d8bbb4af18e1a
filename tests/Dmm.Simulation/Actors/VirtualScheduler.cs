using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;
using Dmm.Core;

namespace Dmm.Simulation.Actors;

/// <summary>
/// Akka's scheduler on the virtual clock. (Akka.TestKit's TestScheduler delivers everything that is due at once, at the end of the time
/// that it was advanced by; a simulation needs each message at its own moment.)
/// </summary>
internal sealed class VirtualScheduler(Config config, ILoggingAdapter log) : SchedulerBase(config, log)
{
    private readonly DaemonProcess _process = DaemonProcess.Current;

    protected override DateTimeOffset TimeNow => _process.Clock.Wall;

    public override TimeSpan MonotonicClock => _process.Clock.Moment - Moment.Origin;

    public override TimeSpan HighResMonotonicClock => MonotonicClock;

    protected override void InternalScheduleTellOnce(
        TimeSpan delay, ICanTell receiver, object message, IActorRef sender, ICancelable? cancelable) =>
        Once(delay, () => receiver.Tell(message, sender), cancelable);

    protected override void InternalScheduleTellRepeatedly(
        TimeSpan initialDelay, TimeSpan interval, ICanTell receiver, object message, IActorRef sender, ICancelable? cancelable) =>
        Again(initialDelay, interval, () => receiver.Tell(message, sender), cancelable);

    protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable? cancelable) => Once(delay, action, cancelable);

    protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable? cancelable) =>
        Once(delay, action.Run, cancelable);

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, Action action, ICancelable? cancelable) =>
        Again(initialDelay, interval, action, cancelable);

    protected override void InternalScheduleRepeatedly(
        TimeSpan initialDelay, TimeSpan interval, IRunnable action, ICancelable? cancelable) =>
        Again(initialDelay, interval, action.Run, cancelable);

    private void Once(TimeSpan delay, Action run, ICancelable? cancelable) =>
        _process.After(delay, run, cancelable is null ? null : () => cancelable.IsCancellationRequested);

    private void Again(TimeSpan delay, TimeSpan interval, Action run, ICancelable? cancelable) => Once(
        delay,
        () =>
        {
            run();
            Again(interval, interval, run, cancelable);
        },
        cancelable);
}
