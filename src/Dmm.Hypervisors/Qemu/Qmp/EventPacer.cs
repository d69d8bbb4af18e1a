namespace Dmm.Hypervisors.Qemu.Qmp;

/// <summary>
/// Passes events on at a bounded rate for each kind: a guest can cause some kinds as often as it likes (a reset, a panic, an answer to an
/// ACPI request), and they must not push out the others. <see cref="Burst"/> of a kind are delivered at once, then
/// <see cref="PerSecond"/>. Of those that come in between, the newest is kept and delivered then; the others are dropped and counted.
/// Events are kept as lines: one that is dropped was never parsed.
/// </summary>
internal sealed class EventPacer : IAsyncDisposable
{
    /// <summary>More than a VM has devices, so that the end of each one is heard of.</summary>
    public const int Burst = 64;

    public const int PerSecond = 20;

    /// <summary>The longest line of an event in bytes; QEMU's are shorter than 1 KiB. A longer one is dropped.</summary>
    public const int MaxLength = 16 << 10;

    /// <summary>QEMU knows some seventy kinds; beyond this number, kinds share one rate.</summary>
    private const int MaxKinds = 128;

    private const string AllOthers = "";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1) / PerSecond;

    private readonly TimeProvider _time;
    private readonly Action<byte[]> _deliver;
    private readonly Action _dropped;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Kind> _kinds = new(StringComparer.Ordinal);
    private bool _timerRuns;
    private bool _closed;

    /// <param name="deliver">Gets the lines, one at a time.</param>
    /// <param name="dropped">Called for each event that is dropped.</param>
    public EventPacer(TimeProvider time, Action<byte[]> deliver, Action dropped)
    {
        (_time, _deliver, _dropped) = (time, deliver, dropped);
        _timer = time.CreateTimer(_ => DeliverDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Offer(string name, byte[] line)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            if (line.Length > MaxLength)
            {
                _dropped();
                return;
            }

            var kind = KindOf(name);
            if (kind.Waiting is not null)
                _dropped();
            kind.Waiting = line;
            DeliverOrWait(kind);
        }
    }

    /// <summary>Delivers what waits, and nothing afterwards.</summary>
    public void Close()
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _closed = true;
            foreach (var kind in _kinds.Values)
            {
                if (kind.Waiting is { } line)
                    _deliver(line);
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return _timer.DisposeAsync();
    }

    private Kind KindOf(string name)
    {
        if (_kinds.TryGetValue(name, out var known))
            return known;
        if (_kinds.Count < MaxKinds)
            return _kinds[name] = new(_time.GetTimestamp());
        if (!_kinds.TryGetValue(AllOthers, out var others))
            _kinds[AllOthers] = others = new(_time.GetTimestamp());
        return others;
    }

    private void DeliverDue()
    {
        lock (_gate)
        {
            _timerRuns = false;
            if (_closed)
                return;
            foreach (var kind in _kinds.Values)
            {
                if (kind.Waiting is not null)
                    DeliverOrWait(kind);
            }
        }
    }

    private void DeliverOrWait(Kind kind)
    {
        kind.Free = Math.Min(Burst, kind.Free + (_time.GetElapsedTime(kind.CountedAt) / Interval));
        kind.CountedAt = _time.GetTimestamp();
        // A timer may fire slightly early.
        if (kind.Free >= 0.999)
        {
            kind.Free -= 1;
            var line = kind.Waiting!;
            kind.Waiting = null;
            _deliver(line);
        }
        else if (!_timerRuns)
        {
            _timerRuns = true;
            _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
    }

    private sealed class Kind(long now)
    {
        /// <summary>The number of events that may be delivered at once, as of <see cref="CountedAt"/>.</summary>
        public double Free { get; set; } = Burst;

        public long CountedAt { get; set; } = now;

        public byte[]? Waiting { get; set; }
    }
}
