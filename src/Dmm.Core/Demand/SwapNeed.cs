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

    /// <summary>The part of the swapped-out memory that is missed.</summary>
    public MemorySize Missed { get; private set; }

    /// <param name="stalled">Whether the guest stalled on memory since <paramref name="last"/>.</param>
    public MemorySize Learn(GuestSample? last, GuestSample sample, bool stalled)
    {
        var swapped = sample.SwapTotal.MinusOrZero(sample.SwapFree);
        if (last is null)
        {
            _out = swapped;
            return Missed = sample.Reason == SampleReason.Stall ? swapped : MemorySize.Zero;
        }

        var seconds = Math.Max(0, (sample.At - last.At).TotalSeconds);
        if (!stalled && sample.SwapIns <= last.SwapIns && !Missed.IsZero)
            Missed = Missed.Scale(Math.Pow(0.5, seconds / halfLife.TotalSeconds));
        Missed = MemorySize.Min(Missed + swapped.MinusOrZero(_out), swapped);
        _out = swapped;
        return Missed;
    }
}
