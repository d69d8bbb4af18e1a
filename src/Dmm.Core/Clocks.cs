namespace Dmm.Core;

/// <summary>
/// The host's two clocks, read at the same time. All decisions use the monotonic clock. The wall clock is for the journal and for texts
/// that people read. A person or NTP may step the wall clock forward or back, by hours, so nothing is measured with it. Only this type
/// converts between the two.
/// </summary>
/// <param name="Wall">The host's time of day, UTC.</param>
public readonly record struct Clocks(Moment Now, DateTimeOffset Wall)
{
    /// <summary>
    /// All parts of a daemon use the same source, so a moment read by a driver can be compared with one read by an actor.
    /// </summary>
    /// <remarks>On Linux .NET's timestamps are CLOCK_MONOTONIC.</remarks>
    public static Clocks Read(TimeProvider time) => new(MomentOf(time), time.GetUtcNow());

    /// <inheritdoc cref="Read"/>
    public static Moment MomentOf(TimeProvider time) => Moment.Origin + time.GetElapsedTime(0, time.GetTimestamp());

    /// <summary>
    /// Returns the moment of an event that the journal dates at <paramref name="at"/>, as far as today's clocks can tell. No event in the
    /// journal lies in the future: if the wall clock has stepped back since the event, the event counts as having happened just now.
    /// </summary>
    public Moment MomentOf(DateTimeOffset at) => at >= Wall ? Now : Now - (Wall - at);

    /// <summary>
    /// Returns the end of a period that began at <paramref name="began"/> and was to end at <paramref name="ends"/>. A step of the wall
    /// clock since then can shorten the remaining time, or start the period again, but never makes it longer than it was meant to be.
    /// </summary>
    public Moment MomentOf(DateTimeOffset ends, DateTimeOffset began) => MomentOf(began) + (ends - began);

    /// <summary>
    /// Returns what the wall clock shows, or showed, at that moment, judged by the clocks now: for people, and for the journal.
    /// </summary>
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
