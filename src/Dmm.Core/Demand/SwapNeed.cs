using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// Estimates how much of its swapped-out memory a guest misses. Memory that is swapped out counts as missed at first, because it went for
/// lack of memory. It counts less and less while nothing stalls and nothing is swapped in: pages that a guest puts away once and never
/// touches again are not needed. Memory that was out before the first sample does not count, unless that sample reports a stall.
/// </summary>
public sealed class SwapNeed(TimeSpan halfLife)
{
    private MemorySize _out;
    private bool _began;
    private (MemorySize Missed, MemorySize Out, Moment At)? _recalled;

    /// <summary>The part of the swapped-out memory that is missed.</summary>
    public MemorySize Missed { get; private set; }

    /// <summary>All that is swapped out.</summary>
    public MemorySize Out => _out;

    /// <summary>Takes up what was remembered at <paramref name="at"/>. Memory that went since then is missed.</summary>
    public void Recall(MemorySize missed, MemorySize swappedOut, Moment at)
    {
        _recalled = (missed, swappedOut, at);
        if (_began)
            Missed = MemorySize.Max(Missed, Recalled(_out, at));
    }

    /// <param name="stalled">Whether the guest stalled on memory since <paramref name="last"/>.</param>
    public MemorySize Learn(GuestSample? last, GuestSample sample, bool stalled)
    {
        var swapped = sample.SwapTotal.MinusOrZero(sample.SwapFree);
        if (last is null)
        {
            (_out, _began) = (swapped, true);
            var recalled = Recalled(swapped, sample.At);
            return Missed = sample.Reason == SampleReason.Stall ? swapped : recalled;
        }

        var seconds = Math.Max(0, (sample.At - last.At).TotalSeconds);
        if (!stalled && sample.SwapIns <= last.SwapIns && !Missed.IsZero)
            Missed = Missed.Scale(Math.Pow(0.5, seconds / halfLife.TotalSeconds));
        Missed = MemorySize.Min(Missed + swapped.MinusOrZero(_out), swapped);
        _out = swapped;
        return Missed;
    }

    /// <summary>The part of <paramref name="swapped"/> that is missed by what was recalled, which counts once.</summary>
    private MemorySize Recalled(MemorySize swapped, Moment now)
    {
        if (_recalled is not { } recalled)
            return MemorySize.Zero;
        _recalled = null;
        var missed = recalled.Missed.Scale(Math.Pow(0.5, Math.Max(0, (now - recalled.At) / halfLife)));
        return MemorySize.Min(missed + swapped.MinusOrZero(recalled.Out), swapped);
    }
}
