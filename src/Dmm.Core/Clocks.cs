namespace Dmm.Core;

/// <summary>
/// What the host's two clocks show at once: the monotonic one, by which all is decided, and the wall's, which stands in the journal and in
/// texts for people. The wall's clock may step, by a person's hand or by NTP, forward or back and by hours; so nothing is counted by it,
/// and here alone is one told by the other.
/// </summary>
/// <param name="Wall">The host's time of day, UTC.</param>
public readonly record struct Clocks(Moment Now, DateTimeOffset Wall)
{
    /// <summary>One source for all parts of a daemon: a moment read by a driver can be compared with one of an actor.</summary>
    /// <remarks>On Linux .NET's timestamps are CLOCK_MONOTONIC.</remarks>
    public static Clocks Read(TimeProvider time) => new(MomentOf(time), time.GetUtcNow());

    /// <inheritdoc cref="Read"/>
    public static Moment MomentOf(TimeProvider time) => Moment.Origin + time.GetElapsedTime(0, time.GetTimestamp());

    /// <summary>
    /// When that was which the journal puts at <paramref name="at"/>, as far as today's clocks can tell. Nothing in the journal is to come:
    /// where the wall's clock has stepped back since, it counts as having happened just now.
    /// </summary>
    public Moment MomentOf(DateTimeOffset at) => at >= Wall ? Now : Now - (Wall - at);

    /// <summary>
    /// When that ends which began at <paramref name="began"/> and was to end at <paramref name="ends"/>: a step of the wall's clock since
    /// then can shorten what is left of it, or begin it anew, but never makes it longer than it was meant to be.
    /// </summary>
    public Moment MomentOf(DateTimeOffset ends, DateTimeOffset began) => MomentOf(began) + (ends - began);

    /// <summary>What the wall's clock shows, or showed, at that moment, as it goes now: for people, and for the journal.</summary>
    public DateTimeOffset WallOf(Moment moment)
    {
        var apart = moment - Now;
        return apart > DateTimeOffset.MaxValue - Wall ? DateTimeOffset.MaxValue
            : apart < DateTimeOffset.MinValue - Wall ? DateTimeOffset.MinValue
            : Wall + apart;
    }

    /// <inheritdoc cref="WallOf(Moment)"/>
    public DateTimeOffset? WallOf(Moment? moment) => moment is { } at ? WallOf(at) : null;
}
