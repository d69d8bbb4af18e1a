using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Guest;

/// <summary>
/// Passes a guest's samples on at a bounded rate: at least <see cref="Interval"/> passes between two deliveries. Of the samples that come
/// in between, the newest is kept and delivered then. An urgent sample (low memory, stall) does not wait for a periodic one before it,
/// but the same interval applies between urgent ones. Its reason is kept when a newer sample replaces it.
/// </summary>
public sealed class SamplePacer : IAsyncDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly TimeProvider _time;
    private readonly Action<GuestSample> _deliver;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private GuestSample? _waiting;
    private long? _lastAny;
    private long? _lastUrgent;
    private bool _disposed;

    public SamplePacer(TimeProvider time, Action<GuestSample> deliver)
    {
        _time = time;
        _deliver = deliver;
        _timer = time.CreateTimer(_ => Flush(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Offer(GuestSample sample)
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            if (_waiting is { } waiting && IsUrgent(waiting) && !IsUrgent(sample))
                sample = sample with { Reason = waiting.Reason };
            var wait = Remaining(IsUrgent(sample) ? _lastUrgent : _lastAny);
            if (wait <= TimeSpan.Zero)
            {
                Deliver(sample);
                return;
            }

            if (_waiting is null)
                _timer.Change(wait, Timeout.InfiniteTimeSpan);
            _waiting = sample;
        }
    }

    /// <summary>Delivers the waiting sample at once.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            if (!_disposed && _waiting is { } sample)
                Deliver(sample);
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
            _disposed = true;
        await _timer.DisposeAsync().ConfigureAwait(false);
    }

    private static bool IsUrgent(GuestSample sample) => sample.Reason != SampleReason.Periodic;

    private void Deliver(GuestSample sample)
    {
        _waiting = null;
        _lastAny = _time.GetTimestamp();
        if (IsUrgent(sample))
            _lastUrgent = _lastAny;
        _deliver(sample);
    }

    private TimeSpan Remaining(long? last) => last is { } then ? Interval - _time.GetElapsedTime(then) : TimeSpan.Zero;
}
