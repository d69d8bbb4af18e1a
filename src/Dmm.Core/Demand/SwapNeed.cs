using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// How much of what a guest has swapped out it misses. What goes out is taken for missed, since it went for lack of memory; it counts less
/// and less while nothing stalls and nothing comes back in: pages that a guest puts away once and never touches again are no need. What was
/// out before the first sample is not missed until then.
/// </summary>
public sealed class SwapNeed(TimeSpan halfLife)
{
    private MemorySize _out;

    /// <summary>Of what is swapped out now, what is missed.</summary>
    public MemorySize Missed { get; private set; }

    /// <param name="stalled">Whether the guest stood still for memory since <paramref name="last"/>.</param>
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
