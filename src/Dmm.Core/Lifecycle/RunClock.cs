namespace Dmm.Core.Lifecycle;

/// <summary>A clock that counts only the time in which something ran and was watched.</summary>
/// <param name="Before">The time that it counted before it was last stopped.</param>
/// <param name="Since">When it was started; null while it is stopped.</param>
public readonly record struct RunClock(TimeSpan Before, Moment? Since)
{
    public RunClock Started(Moment now) => Since is null ? this with { Since = now } : this;

    public RunClock Stopped(Moment now) => new(Read(now), null);

    public TimeSpan Read(Moment now) => Since is { } since && now > since ? Before + (now - since) : Before;
}
