namespace Dmm.Core.Vms;

/// <summary>
/// Growth that a guest did not take, although it was asked again and again: memory that its kernel leaves offline, a device that
/// acknowledges and gives nothing, a guest without the driver. What it did not take is taken back and goes to others; the VM goes on with
/// what it has, and is tried with one more block now and then.
/// </summary>
/// <param name="Plugged">The plugged memory that the guest has taken.</param>
/// <param name="Ballooned">The memory that its balloon does not give back.</param>
/// <param name="Missing">What it did not take.</param>
/// <param name="Times">How many times in a row.</param>
/// <param name="At">When that was seen last.</param>
public sealed record Declined(MemorySize Plugged, MemorySize Ballooned, MemorySize Missing, int Times, Moment At)
{
    /// <summary>How long a guest is left alone after the first time, and at most; the time doubles.</summary>
    private static readonly GrowingWait Rest = new(TimeSpan.FromMinutes(5), TimeSpan.FromHours(1));

    /// <summary>A guest is given up after this many requests in vain, and not before it had the time for them.</summary>
    private const int Tries = 3;

    /// <summary>One more block is asked of it, where it is to have more.</summary>
    public bool Tried { get; init; }

    /// <summary>When it is tried again.</summary>
    /// <param name="urgent">The guest is in need: it is tried sooner.</param>
    public Moment NextAt(bool urgent, MechanismProfile profile) => At + (urgent ? profile.RetryMax : Rest.After(Times - 1));

    /// <summary>
    /// Whether the guest could not pay for the growth when it was last asked, and can now: it is tried at once.
    /// </summary>
    public static bool CanPayNow(VmMemory state) => state.AskedWith is { } with && with < state.Profile.Margin
        && state.Available >= with + state.Profile.Margin;

    /// <summary>The most that can be plugged.</summary>
    public MemorySize MostPlugged(MemorySize block) => Tried ? Plugged + block : Plugged;

    /// <summary>Whether the VM grew in vain for long; the phase says that it is stuck below its target.</summary>
    public static bool IsDue(VmMemory state, MemorySize reachable, Moment now) =>
        state.Given + state.Profile.Tolerance < reachable && state.Actual <= reachable && state.Tries >= Tries
        && now - state.StillSince >= state.Profile.UncooperativeAfter;

    public static Declined Of(VmMemory state, MemorySize missing, Moment at)
    {
        var sizes = state.Sizes!;
        // A balloon that was told to give, and has not, keeps what it holds.
        var kept = sizes.Ballooned > sizes.BalloonedTarget + state.Profile.Tolerance ? sizes.Ballooned : MemorySize.Zero;
        // What the guest keeps back of its memory is known only roughly; and a device shows more for a moment before it falls back.
        var taken = MemorySize.Min(sizes.Plugged.MinusOrZero(state.Unaccepted), state.Trial?.Plugged ?? sizes.Plugged);
        if (!state.Unaccepted.IsZero && taken < state.Profile.MemoryBlock.Scale(0.5))
            taken = MemorySize.Zero;
        return new(taken, kept, missing, (state.Declined?.Times ?? 0) + 1, at);
    }

    /// <summary>
    /// Whether the guest has taken more since: it says so after the last movement, or what was shown has stayed. A device shows memory for
    /// a moment before it falls back.
    /// </summary>
    public bool Eased(VmMemory state, Moment now) => state.Sizes is { } sizes
        && (state.AvailableAt >= state.MovedAt + state.Profile.SampleLatency || now - state.MovedAt >= state.Profile.StaysFor)
        && (sizes.Plugged.MinusOrZero(state.Unaccepted) >= Plugged + state.Profile.MemoryBlock.Scale(0.5)
            || sizes.Ballooned + state.Profile.Tolerance < Ballooned);
}
