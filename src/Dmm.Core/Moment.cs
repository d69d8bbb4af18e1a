namespace Dmm.Core;

/// <summary>
/// A moment on the host's monotonic clock, to 100 ns: what intervals, ages, deadlines and back-offs are counted by. It only goes forward,
/// whatever is done to the host's time of day; while the host is suspended it stands still, as its guests do. A moment means nothing to
/// people, nor to another boot of the host: for them, and for the journal, there is the wall's time (<see cref="Clocks"/>), and the
/// compiler keeps the two apart.
/// </summary>
public readonly record struct Moment : IComparable<Moment>
{
    /// <summary>
    /// So far before the clock's zero lies <c>default</c>: what never happened is older than any age that is asked for, also on a host that
    /// has just booted.
    /// </summary>
    private static readonly long Zero = TimeSpan.FromDays(365 * 200).Ticks;

    private readonly long _ticks;

    private Moment(long ticks) => _ticks = Math.Max(0, ticks);

    /// <summary>Where the clock begins: on Linux, the host's boot.</summary>
    public static Moment Origin => new(Zero);

    /// <summary>Before all that can happen.</summary>
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

    /// <summary>In seconds of the clock, for logs and tests.</summary>
    public override string ToString() => FormattableString.Invariant($"{(this - Origin).TotalSeconds:0.000} s");
}
