using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Guest;

/// <summary>
/// Passes a guest's hellos on at a bounded rate: a few at once, as when an agent starts and is told its settings, then one in each
/// <see cref="Interval"/>. Of those that come in between, the newest is kept and delivered then, so that the last hello is always
/// delivered.
/// </summary>
public sealed class HelloPacer : IAsyncDisposable
{
    public const int Burst = 3;

    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly Action<GuestHello> _deliver;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();

    /// <summary>The number of hellos that may be delivered at once, as of <see cref="_countedAt"/>.</summary>
    private double _free = Burst;
    private long _countedAt;
    private GuestHello? _waiting;
    private bool _disposed;

    public HelloPacer(TimeProvider time, Action<GuestHello> deliver)
    {
        _time = time;
        _deliver = deliver;
        _countedAt = time.GetTimestamp();
        _timer = time.CreateTimer(_ => Due(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Offer(GuestHello hello)
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            var waits = _waiting is not null;
            _waiting = hello;
            if (!waits)
                DeliverOrWait();
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
            _disposed = true;
        await _timer.DisposeAsync().ConfigureAwait(false);
    }

    private void Due()
    {
        lock (_gate)
        {
            if (!_disposed && _waiting is not null)
                DeliverOrWait();
        }
    }

    private void DeliverOrWait()
    {
        _free = Math.Min(Burst, _free + (_time.GetElapsedTime(_countedAt) / Interval));
        _countedAt = _time.GetTimestamp();
        // A timer may fire slightly early.
        if (_free < 0.999)
        {
            _timer.Change((1 - _free) * Interval, Timeout.InfiniteTimeSpan);
            return;
        }

        _free -= 1;
        var hello = _waiting!;
        _waiting = null;
        _deliver(hello);
    }
}
