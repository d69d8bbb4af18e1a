namespace Dmm.Fuzz;

/// <summary>A clock that runs many times as fast as the real one, so that waits of seconds take some tens of milliseconds.</summary>
internal sealed class FastTime : TimeProvider
{
    private const int Speed = 50;

    private readonly long _began = System.GetTimestamp();
    private readonly DateTimeOffset _wall = System.GetUtcNow();

    public override long TimestampFrequency => System.TimestampFrequency;

    public override long GetTimestamp() => _began + ((System.GetTimestamp() - _began) * Speed);

    public override DateTimeOffset GetUtcNow() => _wall + ((System.GetUtcNow() - _wall) * Speed);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Timer(System.CreateTimer(callback, state, Real(dueTime), Real(period)));

    /// <summary>Rounded up to what the system's timers can do.</summary>
    private static TimeSpan Real(TimeSpan time) =>
        time <= TimeSpan.Zero ? time : TimeSpan.FromMilliseconds(Math.Ceiling(time.TotalMilliseconds / Speed));

    private sealed class Timer(ITimer inner) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => inner.Change(Real(dueTime), Real(period));

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
