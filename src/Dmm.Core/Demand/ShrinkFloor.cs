namespace Dmm.Core.Demand;

/// <summary>
/// The lesson from shrinks that hurt: the guest gets back at once what it had before, and nothing is taken below that for a while. The
/// floor sinks towards what is used, by half in each half-life, so that DMM tries again, in ever smaller steps down (the idea is that of
/// senpai's probing).
/// </summary>
public sealed class ShrinkFloor(TimeSpan halfLife)
{
    /// <summary>A shrink that has not hurt within this time is not blamed.</summary>
    private static readonly TimeSpan Blame = TimeSpan.FromMinutes(1);

    /// <summary>A stall of less than half a percent of the time is noise.</summary>
    private const double Noticed = 0.005;

    /// <summary>Refaults in bytes per second that show a loss even where nothing has stalled yet.</summary>
    private const double RefaultsNoticed = 1 << 20;

    private MemorySize _before;
    private Moment _shrunkAt;
    private MemorySize _lastActual;
    private MemorySize _floor;
    private Moment _at;

    /// <summary>Whether the last sample showed that the guest lacks memory that was taken from it.</summary>
    public bool Hurts { get; private set; }

    /// <returns>The floor, an actual size. While there is one, it is never below <paramref name="used"/>.</returns>
    /// <param name="refaulted">Bytes per second that were read again after having been dropped.</param>
    public MemorySize Learn(MemorySize actual, MemorySize used, double harm, double refaulted, Moment at)
    {
        if (actual < _lastActual)
        {
            // A shrink in several steps counts as one.
            if (at - _shrunkAt > Blame || _before < _lastActual)
                _before = _lastActual;
            _shrunkAt = at;
        }

        Decay(used, at);
        var shrunk = !_before.IsZero && at - _shrunkAt <= Blame;
        Hurts = shrunk && (harm > Noticed || refaulted > RefaultsNoticed);
        if (Hurts)
            _floor = MemorySize.Max(_floor, MemorySize.Max(_before, actual));
        _lastActual = actual;
        return _floor;
    }

    public FloorRecord Remember(Moment now) => new(
        _floor, _before, _before.IsZero || now - _shrunkAt > Blame ? null : now - _shrunkAt, _lastActual);

    /// <summary>Takes up what was remembered at <paramref name="at"/>. A shrink since then counts as one of now.</summary>
    public void Recall(FloorRecord record, Moment at)
    {
        if (_at == default)
            (_at, _lastActual) = (at, record.Actual);
        _floor = MemorySize.Max(_floor, record.Floor);
        if (_before.IsZero && record.ShrunkAgo is { } ago)
            (_before, _shrunkAt) = (record.Before, at - ago);
    }

    private void Decay(MemorySize used, Moment at)
    {
        if (_floor > used && at > _at)
            _floor = used + (_floor - used).Scale(Math.Pow(0.5, (at - _at) / halfLife));
        if (_floor <= used + MemorySize.FromMiB(1))
            _floor = MemorySize.Zero;
        _at = at;
    }
}
