namespace Dmm.Core.Demand;

/// <summary>
/// What was learnt from shrinks that hurt: the guest gets back at once what it had before, and below that nothing is taken for a while. The
/// floor sinks towards what is used, by half in each half-life, so that DMM tries again, in ever smaller steps down (the idea of senpai's
/// probing).
/// </summary>
public sealed class ShrinkFloor(TimeSpan halfLife)
{
    /// <summary>A shrink that did not hurt by then did not hurt.</summary>
    private static readonly TimeSpan Blame = TimeSpan.FromMinutes(1);

    /// <summary>Less than half a percent of the time is noise.</summary>
    private const double Noticed = 0.005;

    /// <summary>Pages read again, in bytes a second, that show a loss even where nothing stalled yet.</summary>
    private const double RefaultsNoticed = 1 << 20;

    private MemorySize _before;
    private Moment _shrunkAt;
    private MemorySize _lastActual;
    private MemorySize _floor;
    private Moment _at;

    /// <summary>Whether the last sample showed that the guest lacks memory that was taken from it.</summary>
    public bool Hurts { get; private set; }

    /// <returns>The floor, an actual size; never below <paramref name="used"/> once there is one.</returns>
    /// <param name="refaulted">Bytes a second that were read again after having been dropped.</param>
    public MemorySize Learn(MemorySize actual, MemorySize used, double harm, double refaulted, Moment at)
    {
        if (actual < _lastActual)
        {
            // A shrink in several steps is one.
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

    private void Decay(MemorySize used, Moment at)
    {
        if (_floor > used && at > _at)
            _floor = used + (_floor - used).Scale(Math.Pow(0.5, (at - _at) / halfLife));
        if (_floor <= used + MemorySize.FromMiB(1))
            _floor = MemorySize.Zero;
        _at = at;
    }
}
