namespace Dmm.Core;

/// <summary>The wait between one try and the next. Each wait is twice the one before, up to a bound.</summary>
/// <param name="First">The wait after the first try, above zero.</param>
/// <param name="Longest">At least <paramref name="First"/>.</param>
public readonly record struct GrowingWait(TimeSpan First, TimeSpan Longest)
{
    /// <param name="tries">Tries that failed before the last one; 0 or more.</param>
    public TimeSpan After(int tries)
    {
        // Computed as a double, so that no number of tries overflows.
        var ticks = First.Ticks * Math.Pow(2, Math.Min(tries, 64));
        return ticks < Longest.Ticks ? new((long)ticks) : Longest;
    }
}
