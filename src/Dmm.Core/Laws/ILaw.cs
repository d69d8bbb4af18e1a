namespace Dmm.Core.Laws;

/// <summary>
/// A control law: from what it may know of the guests and of their host to a target for each guest. DMM's own and its peers' stand behind
/// this one interface, so that all of them meet the same guests, host and delays in one run: in the lab on traces, and live as
/// <c>dmm.policy</c>. A law keeps what it has learnt of a guest by the guest's slot; it has no clock and does no I/O. Sizes are bytes, as
/// <c>long</c>, since laws run a month of a hundred guests in seconds.
/// </summary>
public interface ILaw
{
    /// <summary>As in <c>dmm.policy</c>: dmm, static, proxmox, mom, squeezed, hyperv, esx, vpa, neon.</summary>
    string Name { get; }

    /// <summary>How often it looks; zero for a law that acts on events alone.</summary>
    TimeSpan Period { get; }

    /// <summary>Which of the events it hears between its periods.</summary>
    LawEvents Hears { get; }

    /// <summary>It knows balloons alone: no guest is ever more than what it booted with.</summary>
    bool BalloonOnly { get; }

    /// <summary>Another guest has taken this slot: what was learnt of the last one is forgotten.</summary>
    void Forget(int slot);

    /// <summary>
    /// Decides every guest's target anew. Where it is not called for some of its periods, it takes guests and host to have been as they
    /// were at the last call: that is when it may be left alone.
    /// </summary>
    /// <param name="now">Since the law began; never goes back.</param>
    /// <param name="why">What it was woken by; <see cref="LawEvents.None"/> at its period.</param>
    /// <param name="guests">By slot; <see cref="LawGuest.Present"/> is false for an empty one, whose target is left alone.</param>
    /// <param name="targets">By slot; holds the last targets when called (a new guest's is what it has), the new ones afterwards.</param>
    /// <returns>
    /// When to look again though nothing has changed, in the time of <paramref name="now"/>: called before then at its periods with the
    /// same guests, host and targets it would change nothing. At or before <paramref name="now"/>: at its next period. Null: it is at rest
    /// until something changes. </returns>
    TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets);
}

/// <summary>What a law may hear of between its periods.</summary>
[Flags]
public enum LawEvents
{
    None = 0,

    /// <summary>A guest's available memory has become little, or it stalls (an agent in the guest says so).</summary>
    Pressure = 1,

    /// <summary>A guest has come or gone.</summary>
    Population = 2,

    /// <summary>A shrink was confirmed.</summary>
    Confirmed = 4,
}

/// <summary>The host as a law may see it.</summary>
/// <param name="Memory">For guests altogether: reserve and overheads are taken off already.</param>
/// <param name="Used">What the guests hold now.</param>
public readonly record struct LawHost(long Memory, long Used)
{
    public long Free => Math.Max(0, Memory - Used);
}

/// <summary>One guest as a law may see it; which of this a law looks at is its own truth. Bytes.</summary>
public record struct LawGuest
{
    public bool Present { get; set; }

    public long Min { get; set; }

    /// <summary>What it booted with.</summary>
    public long Boot { get; set; }

    public long Max { get; set; }

    public int Shares { get; set; }

    /// <summary>What it has now.</summary>
    public long Actual { get; set; }

    /// <summary>MemTotal − MemAvailable, and what is swapped out: what its programs and its kernel hold.</summary>
    public long Used { get; set; }

    /// <summary>Page cache that could go; it fills what is idle.</summary>
    public long Cache { get; set; }

    /// <summary>MemFree: neither held nor cache.</summary>
    public long Free { get; set; }

    /// <summary>What did not fit and was swapped out.</summary>
    public long Swapped { get; set; }

    /// <summary>Stalled on memory: parts of the time since the last look, 0 to 1 (PSI some).</summary>
    public double Stalled { get; set; }

    /// <summary>MemAvailable.</summary>
    public readonly long Available => Free + Cache;

    /// <summary>The most that a balloon alone can make of it.</summary>
    public readonly long BalloonMax => Math.Max(Min, Math.Min(Boot, Max));
}
