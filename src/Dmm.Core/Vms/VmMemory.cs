using Dmm.Core.Lifecycle;

namespace Dmm.Core.Vms;

/// <summary>Where a VM's memory stands. The table of transitions is in docs/develop/hotplug.md.</summary>
public enum VmPhase
{
    /// <summary>Started, not heard of yet: nothing is asked of the guest.</summary>
    Booting,

    /// <summary>At its target.</summary>
    Settled,

    /// <summary>On the way up: deflating, then plugging; both at once when urgent.</summary>
    Growing,

    /// <summary>On the way down: unplugging, then inflating, never below what the guest can give.</summary>
    Shrinking,

    /// <summary>No movement for a while; asked again with back-off.</summary>
    Stuck,

    /// <summary>A shrink without movement for long: its claim stays whole and nobody counts on it until it moves again.</summary>
    Uncooperative,

    /// <summary>The hypervisor can't be reached; the VM may well run.</summary>
    Lost,

    /// <summary>Its guest does not run (<see cref="VmRunState"/>): nothing is asked of it, no clock runs, and its claim stands.</summary>
    Paused,

    /// <summary>The VM has ended.</summary>
    Stopped,
}

/// <summary>
/// All that the hotplug state machine knows of a VM's memory: what is, what it was told to become, and when it last moved.
/// </summary>
public sealed record VmMemory
{
    public required MechanismProfile Profile { get; init; }

    /// <summary>Null until the driver has reported.</summary>
    public VmSizes? Sizes { get; init; }

    public VmCapabilities? Capabilities { get; init; }

    /// <summary>The actual size that the host granted and wants; null until it has said so.</summary>
    public MemorySize? Target { get; init; }

    /// <summary>The VM's min: not even for a moment is it taken below, so a VM that stands there lays by no spark.</summary>
    public MemorySize Min { get; init; }

    /// <summary>The VM's max; a VM that may never grow beyond its base keeps no spark.</summary>
    public MemorySize Max { get; init; }

    /// <summary>The guest is about to stall: give everything at once.</summary>
    public bool Urgent { get; init; }

    /// <summary>
    /// Calls to the hypervisor are out or wait: what its devices were told is uncertain, so nothing more is asked until they are through.
    /// Known to whoever holds the VM.
    /// </summary>
    public bool Busy { get; init; }

    public VmPhase Phase { get; init; } = VmPhase.Booting;

    public string? Why { get; init; }

    /// <summary>What the guest could spare at <see cref="AvailableAt"/>; null where nobody tells.</summary>
    public MemorySize? Available { get; init; }

    public Moment AvailableAt { get; init; }

    /// <summary>What the guest counts as its memory, as of <see cref="AvailableAt"/>; null where nobody tells.</summary>
    public MemorySize? MemTotal { get; init; }

    /// <summary>
    /// What the guest's kernel keeps back of its memory before it counts MemTotal, as its first sample told (a crash kernel's memory, say).
    /// </summary>
    public MemorySize? KeptBack { get; init; }

    /// <summary>What the guest's agent said of itself; null where there is none.</summary>
    public GuestHello? Hello { get; init; }

    /// <summary>For how long its guest has run while somebody could hear it.</summary>
    public RunClock Listened { get; init; }

    public VmRunState RunState { get; init; }

    /// <summary>Why it does not run, in the hypervisor's words; null while it runs.</summary>
    public string? RunWhy { get; init; }

    /// <summary>When the sizes last changed: what was sampled before tells nothing about what can be taken.</summary>
    public Moment MovedAt { get; init; }

    /// <summary>Since when there was no progress, which is movement towards the target that was not taken back.</summary>
    public Moment StillSince { get; init; }

    /// <summary>Tries since the last progress, and when the next may be made.</summary>
    public int Tries { get; init; }

    public Moment NextTryAt { get; init; }

    /// <summary>What the guest could spare when its hotplug was last asked for something; null where nobody told.</summary>
    public MemorySize? AskedWith { get; init; }

    /// <summary>How things stood when the guest was last asked to take more; null while nothing is to be judged.</summary>
    public Trial? Trial { get; init; }

    /// <summary>
    /// While blocks are asked back: how long their guest may take. Otherwise: until then none is asked back, since the last was not given.
    /// </summary>
    public Moment NextBlockAt { get; init; }

    /// <summary>What base becomes by a rescue DIMM that was asked for; zero where none is under way.</summary>
    public MemorySize RescuedBase { get; init; }

    public Moment RescueAt { get; init; }

    /// <summary>Further devices asked for in vain since the last that came, why, and when the next may be asked for.</summary>
    public int ExtendTries { get; init; }

    public Moment NextExtendAt { get; init; }

    public string? ExtendFault { get; init; }

    /// <summary>The hypervisor would not tell this device what it was asked last; null while it does.</summary>
    public Refusal? BalloonRefusal { get; init; }

    public Refusal? PlugRefusal { get; init; }

    /// <summary>The most that the VM can become, by its devices or by its operator's word; null before anything is known of it.</summary>
    public MemorySize? Possible => Sizes is not { } s ? null
        : MemorySize.Max(MemorySize.Max(Max, Ceiling), s.Base + MemorySize.Max(s.Plugged, Capabilities?.ExtendableTo ?? MemorySize.Zero));

    public MemorySize Actual => Sizes?.Actual ?? MemorySize.Zero;

    /// <summary>The most that the VM can become from what its devices were told: only below this is memory really back.</summary>
    public MemorySize Ceiling => Sizes is { } s
        ? (s with { Base = s.Base + RescueDue }).Ceiling
        : MemorySize.Zero;

    /// <summary>A rescue DIMM that is on its way: promised memory already.</summary>
    public MemorySize RescueDue => Sizes is null ? MemorySize.Zero : RescuedBase.MinusOrZero(Sizes.Base);

    /// <summary>
    /// What the devices show and the guest has not accepted, as far as a sample taken since then tells. A guest may or may not count what
    /// is ballooned in its MemTotal.
    /// </summary>
    public MemorySize Unaccepted
    {
        get
        {
            if (Sizes is not { } sizes || MemTotal is not { } total || KeptBack is not { } kept || AvailableAt < MovedAt
                + Profile.SampleLatency)
                return MemorySize.Zero;
            var accepted = total + kept + sizes.Ballooned;
            var missing = MemorySize.Min((sizes.Base + sizes.Plugged).MinusOrZero(accepted), sizes.Plugged);
            return missing < Profile.MemoryBlock.Scale(0.5) ? MemorySize.Zero : missing;
        }
    }

    /// <summary>What the guest has and is known to have accepted.</summary>
    public MemorySize Given => Actual.MinusOrZero(Unaccepted);

    /// <summary>What a sample, taken after the last movement and not long ago, says can be taken; zero where there is none.</summary>
    public MemorySize CanGive(Moment now) =>
        Available is { } available && AvailableAt >= MovedAt + Profile.SampleLatency && now - AvailableAt <= Profile.SampleAge
            ? available.MinusOrZero(Profile.Margin)
            : MemorySize.Zero;

    public MemorySize SparkWanted => Max > (Sizes?.Base ?? MemorySize.Zero) && !InWholeBlocks ? Profile.Spark : MemorySize.Zero;

    /// <summary>Blocks were asked back, and their guest has not given them yet.</summary>
    public bool GivesBlocks => InWholeBlocks && Sizes is { } s && s.PluggedTarget < s.Plugged;

    /// <summary>Its hotplug comes in blocks of which the balloon can't hold back a part beforehand.</summary>
    public bool InWholeBlocks => Capabilities is { } can && MemoryLayout.InWholeBlocks(can);
}

/// <summary>A growth that falls back to <paramref name="Plugged"/> was no progress: what it was judged by before stands again.</summary>
public sealed record Trial(MemorySize Plugged, Moment StillSince, int Tries);

/// <summary>What a VM's size is made by.</summary>
public enum SizedDevice
{
    Balloon,
    Hotplug,
}

/// <summary>A hypervisor that would not tell a device what it was asked.</summary>
/// <param name="Times">How often in a row.</param>
/// <param name="NextAt">When it is asked again.</param>
public sealed record Refusal(string Why, int Times, Moment NextAt)
{
    public Refusal DueAt(Moment at) => this with { NextAt = at };
}

/// <summary>What a hypervisor may refuse to add.</summary>
public enum Addition
{
    /// <summary>A further hotplug device.</summary>
    Device,

    RescueDimm,
}

/// <summary>What can be said to the state machine.</summary>
public abstract record VmCommand
{
    private VmCommand()
    {
    }

    /// <summary>The VM is in hand, or what it can do has changed.</summary>
    public sealed record Connect(VmCapabilities Capabilities) : VmCommand;

    public sealed record ObserveHello(GuestHello Hello) : VmCommand;

    public sealed record SetTarget(MemorySize Target, MemorySize Max, bool Urgent, MemorySize Min = default) : VmCommand;

    public sealed record ObserveSizes(VmSizes Sizes) : VmCommand;

    public sealed record ObserveSample(GuestSample Sample) : VmCommand;

    public sealed record ObserveRunState(VmRunState State, string? Why) : VmCommand;

    /// <summary>The hypervisor would not tell a device what it was asked; what it did all the same has been seen.</summary>
    public sealed record TurnDown(SizedDevice Device, string Why) : VmCommand;

    /// <summary>What was asked has been carried out.</summary>
    public sealed record Carried(SizedDevice Device) : VmCommand;

    /// <summary>The hypervisor would not add what was asked for.</summary>
    public sealed record Refuse(Addition Addition, string Why) : VmCommand;

    /// <summary>Time has passed.</summary>
    public sealed record Look : VmCommand;

    public sealed record Lose(string Why) : VmCommand;

    public sealed record Finish(string Why) : VmCommand;
}

/// <summary>
/// What follows. <see cref="BalloonAsked"/>, <see cref="PlugAsked"/>, <see cref="RescueAsked"/> and <see cref="ExtensionAsked"/> are to be
/// carried out, in their order, by whoever holds the VM.
/// </summary>
public abstract record VmEvent
{
    private VmEvent()
    {
    }

    public sealed record Connected(VmCapabilities Capabilities, Moment At) : VmEvent;

    public sealed record RunStateSeen(VmRunState State, string? Why, Moment At) : VmEvent;

    public sealed record TargetChanged(MemorySize Target, MemorySize Min, MemorySize Max, bool Urgent, Moment At) : VmEvent;

    /// <param name="Moved">Base, plugged or ballooned memory changed.</param>
    public sealed record SizesSeen(VmSizes Sizes, bool Moved, Moment At) : VmEvent;

    public sealed record SampleSeen(MemorySize Available, MemorySize MemTotal, Moment At) : VmEvent;

    public sealed record HelloSeen(GuestHello Hello) : VmEvent;

    public sealed record BalloonAsked(MemorySize Ballooned, bool Again, Moment At) : VmEvent;

    public sealed record PlugAsked(MemorySize Plugged, bool Again, Moment At) : VmEvent;

    /// <param name="Base">What base becomes by it.</param>
    public sealed record RescueAsked(MemorySize Base, Moment At) : VmEvent;

    /// <param name="PluggableMax">What can be plugged at least, once the further device is there.</param>
    public sealed record ExtensionAsked(MemorySize PluggableMax, Moment At) : VmEvent;

    /// <param name="Repeated">It said just that the last time.</param>
    public sealed record TurnedDown(SizedDevice Device, string Why, bool Repeated, Moment At) : VmEvent;

    /// <summary>The hypervisor does again what it is asked.</summary>
    public sealed record Heeded(SizedDevice Device) : VmEvent;

    public sealed record Refused(Addition Addition, string Why, Moment At) : VmEvent;

    public sealed record PhaseEntered(VmPhase Phase, string? Why, Moment At) : VmEvent;
}
