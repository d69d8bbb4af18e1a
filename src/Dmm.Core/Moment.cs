namespace Dmm.Core;

/// <summary>
/// A moment on the host's monotonic clock, to 100 ns. Intervals, ages, deadlines and back-offs are measured with it. It only goes forward,
/// whatever is done to the host's time of day. It stands still while the host is suspended, as the guests do. A moment means nothing to
/// people, nor to another boot of the host: they, and the journal, use the wall time (<see cref="Clocks"/>). The two are different types,
/// so the compiler keeps them apart.
/// </summary>
public readonly record struct Moment : IComparable<Moment>
{
    /// <summary>
    /// The clock's zero, in ticks after <c>default</c>: 200 years. So a thing that never happened (<c>default</c>) is older than any age
    /// that is asked for, even on a host that has just booted.
    /// </summary>
    private static readonly long Zero = TimeSpan.FromDays(365 * 200).Ticks;

    private readonly long _ticks;

    private Moment(long ticks) => _ticks = Math.Max(0, ticks);

    /// <summary>The zero of the clock: on Linux, the host's boot.</summary>
    public static Moment Origin => new(Zero);

    /// <summary>Earlier than anything that can happen.</summary>
    public static Moment LongAgo => default;

    public static Moment operator +(Moment moment, TimeSpan time) =>
        new(time.Ticks > long.MaxValue - moment._ticks ? long.MaxValue : moment._ticks + time.Ticks);

    /// <remarks>Never before <see cref="LongAgo"/>.</remarks>
    public static Moment operator -(Moment moment, TimeSpan time) =>
        time.Ticks >= 0 ? new(moment._ticks - time.Ticks) : moment + (time == TimeSpan.MinValue ? TimeSpan.MaxValue : -time);

    public static TimeSpan operator -(Moment a, Moment b) => new(a._ticks - b._ticks);

    public static bool operator <(Moment a, Moment b) => a._ticks < b._ticks;

    public static bool operator >(Moment a, Moment b) => a._ticks > b._ticks;

    public static bool operator <=(Moment a, Moment b) => a._ticks <= b._ticks;

    public static bool operator >=(Moment a, Moment b) => a._ticks >= b._ticks;

    public static Moment Max(Moment a, Moment b) => a > b ? a : b;

    public static Moment Min(Moment a, Moment b) => a < b ? a : b;

    public int CompareTo(Moment other) => _ticks.CompareTo(other._ticks);

    /// <summary>The seconds since the clock's zero, for logs and tests.</summary>
    public override string ToString() => FormattableString.Invariant($"{(this - Origin).TotalSeconds:0.000} s");
}
