namespace Dmm.Core.Laws;

/// <summary>
/// A control law: computes a target for each guest from what it may know of the guests and of their host. DMM's own law and its peers'
/// laws implement this one interface, so that all of them meet the same guests, host and delays in one run: in the lab on traces, and
/// live as <c>dmm.policy</c>. A law keeps what it has learnt of a guest by the guest's slot. It has no clock and does no I/O. Sizes are
/// bytes, as <c>long</c>, since a law must run a month of a hundred guests in seconds.
/// </summary>
public interface ILaw
{
    /// <summary>The name as in <c>dmm.policy</c>: dmm, static, proxmox, mom, squeezed, hyperv, esx, vpa, neon.</summary>
    string Name { get; }

    /// <summary>How often the law decides; zero for a law that acts on events alone.</summary>
    TimeSpan Period { get; }

    /// <summary>The events that the law hears between its periods.</summary>
    LawEvents Hears { get; }

    /// <summary>True for a law that uses balloons alone: no guest ever becomes larger than what it booted with.</summary>
    bool BalloonOnly { get; }

    /// <summary>Forgets what was learnt of the guest in this slot: another guest has taken it.</summary>
    void Forget(int slot);

    /// <summary>
    /// Decides every guest's target anew. A caller may skip some of the law's periods: the law then assumes that guests and host stayed
    /// as they were at the last call. The return value says when skipping is allowed.
    /// </summary>
    /// <param name="now">Time since the law began; never goes back.</param>
    /// <param name="why">The event that woke the law; <see cref="LawEvents.None"/> at its period.</param>
    /// <param name="guests">
    /// The guests by slot; <see cref="LawGuest.Present"/> is false for an empty slot, whose target is left alone.
    /// </param>
    /// <param name="targets">
    /// The targets by slot: the last targets when called (for a new guest: its present size), the new targets on return.
    /// </param>
    /// <returns>
    /// When to call again if nothing has changed, in the time of <paramref name="now"/>: calls at earlier periods with the same guests,
    /// host and targets would change nothing. A time at or before <paramref name="now"/> means the next period. Null: the law is at rest
    /// until something changes.
    /// </returns>
    TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets);
}

/// <summary>The events that a law may hear of between its periods.</summary>
[Flags]
public enum LawEvents
{
    None = 0,

    /// <summary>A guest has little available memory left, or it stalls (an agent in the guest reports it).</summary>
    Pressure = 1,

    /// <summary>A guest has come or gone.</summary>
    Population = 2,

    /// <summary>A shrink was confirmed.</summary>
    Confirmed = 4,
}

/// <summary>The host as a law may see it.</summary>
/// <param name="Memory">Memory for all guests together; host reserve and overheads are already taken off.</param>
/// <param name="Used">Memory that the guests hold now.</param>
public readonly record struct LawHost(long Memory, long Used)
{
    public long Free => Math.Max(0, Memory - Used);
}

/// <summary>One guest as a law may see it, in bytes. Each law looks only at the fields that its original knows.</summary>
public record struct LawGuest
{
    public bool Present { get; set; }

    public long Min { get; set; }

    /// <summary>The size that the guest booted with.</summary>
    public long Boot { get; set; }

    public long Max { get; set; }

    public int Shares { get; set; }

    /// <summary>The size that the guest has now.</summary>
    public long Actual { get; set; }

    /// <summary>MemTotal − MemAvailable, plus what is swapped out: the memory that its programs and its kernel hold.</summary>
    public long Used { get; set; }

    /// <summary>Page cache that the guest could drop; it fills memory that is idle.</summary>
    public long Cache { get; set; }

    /// <summary>MemFree: neither held nor cache.</summary>
    public long Free { get; set; }

    /// <summary>Memory that did not fit and was swapped out.</summary>
    public long Swapped { get; set; }

    /// <summary>The part of the time since the last call in which the guest stalled on memory, 0 to 1 (PSI some).</summary>
    public double Stalled { get; set; }

    /// <summary>MemAvailable.</summary>
    public readonly long Available => Free + Cache;

    /// <summary>The largest size that the guest can reach by its balloon alone.</summary>
    public readonly long BalloonMax => Math.Max(Min, Math.Min(Boot, Max));
}
