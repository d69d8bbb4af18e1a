using Dmm.Core.Lifecycle;

namespace Dmm.Core.Vms;

/// <summary>The state of a VM's memory. The table of transitions is in docs/develop/hotplug.md.</summary>
public enum VmPhase
{
    /// <summary>The VM was started and has not been heard of yet: nothing is asked of the guest.</summary>
    Booting,

    /// <summary>The VM is at its target.</summary>
    Settled,

    /// <summary>The VM grows: deflating, then plugging; both at once when urgent.</summary>
    Growing,

    /// <summary>The VM shrinks: unplugging, then inflating, never below what the guest can give.</summary>
    Shrinking,

    /// <summary>The VM has not moved for a while; it is asked again with back-off.</summary>
    Stuck,

    /// <summary>A shrink has not moved for long: the claim stays whole and the memory is not counted on until the VM moves again.</summary>
    Uncooperative,

    /// <summary>The hypervisor can't be reached; the VM may still run.</summary>
    Lost,

    /// <summary>
    /// The guest does not run (<see cref="VmRunState"/>): nothing is asked of it, no time limit runs, and its claim stands.
    /// </summary>
    Paused,

    /// <summary>The VM has ended.</summary>
    Stopped,
}

/// <summary>
/// All that the hotplug state machine knows of a VM's memory: its sizes, what it was told to become, and when it last moved.
/// </summary>
public sealed record VmMemory
{
    public required MechanismProfile Profile { get; init; }

    /// <summary>Null until the driver has reported.</summary>
    public VmSizes? Sizes { get; init; }

    public VmCapabilities? Capabilities { get; init; }

    /// <summary>The actual size that the host granted and wants; null until the host has said so.</summary>
    public MemorySize? Target { get; init; }

    /// <summary>The VM's min. The VM is not taken below it even for a moment, so a VM at its min does not refill its spark.</summary>
    public MemorySize Min { get; init; }

    /// <summary>The VM's max; a VM that may never grow beyond its base keeps no spark.</summary>
    public MemorySize Max { get; init; }

    /// <summary>The guest is about to stall: all memory is given at once.</summary>
    public bool Urgent { get; init; }

    /// <summary>
    /// Calls to the hypervisor are under way or wait. What the devices were told is uncertain, so nothing more is asked until the calls
    /// have ended. The holder of the connection sets this.
    /// </summary>
    public bool Busy { get; init; }

    public VmPhase Phase { get; init; } = VmPhase.Booting;

    public string? Why { get; init; }

    /// <summary>The memory that the guest could spare at <see cref="AvailableAt"/>; null where it is not known.</summary>
    public MemorySize? Available { get; init; }

    public Moment AvailableAt { get; init; }

    /// <summary>The guest's MemTotal at <see cref="AvailableAt"/>; null where it is not known.</summary>
    public MemorySize? MemTotal { get; init; }

    /// <summary>
    /// The memory that the guest's kernel keeps back before it counts MemTotal (for a crash kernel, say), taken from its first sample.
    /// </summary>
    public MemorySize? KeptBack { get; init; }

    /// <summary>What the guest's agent said about itself; null where there is no agent.</summary>
    public GuestHello? Hello { get; init; }

    /// <summary>The last reset of the guest; null once the guest was heard of and its balloon's figure is its own.</summary>
    public GuestReset? Reset { get; init; }

    /// <summary>
    /// The guest was reset and has not been heard of since: it has all that it booted with, and nothing is taken from it.
    /// </summary>
    public bool Reboots(Moment now) => Reset is { Heard: false } && Listened.Read(now) < Profile.BootDeadline;

    /// <summary>The sizes as they count (<see cref="GuestReset.Counted"/>).</summary>
    internal VmSizes Counted(VmSizes shown) => Reset?.Counted(shown) ?? shown;

    /// <summary>The same VM after these sizes were shown.</summary>
    internal VmMemory Saw(VmSizes shown) => Reset is { } reset ? this with { Reset = Open(reset.See(shown)) } : this;

    /// <summary>The last reset after a word of the guest.</summary>
    internal GuestReset? HeardOf() => Reset is { } reset ? Open(reset with { Heard = true }) : null;

    /// <summary>Whether a guest's word that was read then may be from before its last reset.</summary>
    internal bool IsEcho(Moment at) => Reset is { Heard: false } reset && at < reset.At + GuestReset.Echo;

    private static GuestReset? Open(GuestReset reset) => reset is { Heard: true, Figure: null } ? null : reset;

    /// <summary>Growth that its guest does not take; null where it takes what it is given.</summary>
    public Declined? Declined { get; init; }

    /// <summary>How long the guest has run since its boot, while DMM was connected.</summary>
    public RunClock Listened { get; init; }

    public VmRunState RunState { get; init; }

    /// <summary>Why the guest does not run, in the hypervisor's words; null while it runs.</summary>
    public string? RunWhy { get; init; }

    /// <summary>When the sizes last changed: earlier samples say nothing about what can be taken.</summary>
    public Moment MovedAt { get; init; }

    /// <summary>Since when there has been no progress. Progress is movement towards the target that was not undone.</summary>
    public Moment StillSince { get; init; }

    /// <summary>The number of tries since the last progress; <c>NextTryAt</c> is when the next may be made.</summary>
    public int Tries { get; init; }

    public Moment NextTryAt { get; init; }

    /// <summary>The memory that the guest could spare at the last hotplug request; null where it was not known.</summary>
    public MemorySize? AskedWith { get; init; }

    /// <summary>The state at the last request to the guest; null before the first request to a target.</summary>
    public Trial? Trial { get; init; }

    /// <summary>
    /// While blocks are asked back: until when the guest has time to give them. Otherwise: no block is asked back before then, since the
    /// last one was not given.
    /// </summary>
    public Moment NextBlockAt { get; init; }

    /// <summary>The base that a requested rescue DIMM leads to; zero where none is under way.</summary>
    public MemorySize RescuedBase { get; init; }

    public Moment RescueAt { get; init; }

    /// <summary>
    /// The number of further devices asked for in vain since the last one that came. <c>NextExtendAt</c> is when the next may be asked
    /// for, <c>ExtendFault</c> the reason of the refusal.
    /// </summary>
    public int ExtendTries { get; init; }

    public Moment NextExtendAt { get; init; }

    public string? ExtendFault { get; init; }

    /// <summary>The hypervisor's refusal of the last request for this device; null where it did not refuse.</summary>
    public Refusal? BalloonRefusal { get; init; }

    public Refusal? PlugRefusal { get; init; }

    /// <summary>The most that the VM can become, by its devices or by its operator's setting; null before its sizes are known.</summary>
    public MemorySize? Possible => Sizes is not { } s ? null
        : MemorySize.Max(MemorySize.Max(Max, Ceiling), s.Base + MemorySize.Max(s.Plugged, Capabilities?.ExtendableTo ?? MemorySize.Zero));

    public MemorySize Actual => Sizes?.Actual ?? MemorySize.Zero;

    /// <summary>The most that the VM can become from what its devices were told: only memory above this is really back.</summary>
    public MemorySize Ceiling => Sizes is { } s
        ? (s with { Base = s.Base + RescueDue }).Ceiling
        : MemorySize.Zero;

    /// <summary>Memory of a rescue DIMM that is on its way: it is already promised.</summary>
    public MemorySize RescueDue => Sizes is null ? MemorySize.Zero : RescuedBase.MinusOrZero(Sizes.Base);

    /// <summary>
    /// Memory that the devices show and the guest has not accepted, as far as a sample taken since then shows. A guest may or may not
    /// count ballooned memory in its MemTotal.
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

    /// <summary>
    /// The plugged memory that the guest had accepted by the last sample that was taken after a movement; null before the first. What its
    /// devices have shown since then is not accepted yet.
    /// </summary>
    public MemorySize? Accepted { get; init; }

    /// <summary>The memory that the guest has and, as far as is known, has accepted.</summary>
    public MemorySize Given => Actual.MinusOrZero(Unaccepted);

    /// <summary>
    /// The memory that can be taken, by a recent sample that was taken after the last movement; zero where there is none.
    /// </summary>
    public MemorySize CanGive(Moment now) =>
        Available is { } available && AvailableAt >= MovedAt + Profile.SampleLatency && now - AvailableAt <= Profile.SampleAge
            ? available.MinusOrZero(Profile.Margin)
            : MemorySize.Zero;

    public MemorySize SparkWanted => Max > (Sizes?.Base ?? MemorySize.Zero) && !InWholeBlocks ? Profile.Spark : MemorySize.Zero;

    /// <summary>Blocks were asked back, and the guest has not given them yet.</summary>
    public bool GivesBlocks => InWholeBlocks && Sizes is { } s && s.PluggedTarget < s.Plugged;

    /// <summary>The VM's hotplug blocks are so large that the balloon can't hold back a part of one beforehand.</summary>
    public bool InWholeBlocks => Capabilities is { } can && MemoryLayout.InWholeBlocks(can);
}

/// <summary>
/// The state before a request. A growth that falls back to <paramref name="Plugged"/> was no progress: the earlier values apply again.
/// </summary>
public sealed record Trial(MemorySize Plugged, Moment StillSince, int Tries);

/// <summary>The device that changes a VM's size.</summary>
public enum SizedDevice
{
    Balloon,
    Hotplug,
}

/// <summary>A hypervisor's refusal to tell a device what was asked.</summary>
/// <param name="Times">The number of refusals in a row.</param>
/// <param name="NextAt">When the request is made again.</param>
public sealed record Refusal(string Why, int Times, Moment NextAt)
{
    public Refusal DueAt(Moment at) => this with { NextAt = at };
}

/// <summary>A device that a hypervisor may refuse to add.</summary>
public enum Addition
{
    /// <summary>A further hotplug device.</summary>
    Device,

    RescueDimm,
}

/// <summary>The commands of the state machine.</summary>
public abstract record VmCommand
{
    private VmCommand()
    {
    }

    /// <summary>The connection to the VM is made, or the VM's capabilities have changed.</summary>
    public sealed record Connect(VmCapabilities Capabilities) : VmCommand;

    public sealed record ObserveHello(GuestHello Hello) : VmCommand;

    public sealed record SetTarget(MemorySize Target, MemorySize Max, bool Urgent, MemorySize Min = default) : VmCommand;

    public sealed record ObserveSizes(VmSizes Sizes) : VmCommand;

    /// <summary>The guest was reset; these are the sizes that are shown since.</summary>
    public sealed record ObserveReset(VmSizes Sizes) : VmCommand;

    public sealed record ObserveSample(GuestSample Sample) : VmCommand;

    public sealed record ObserveRunState(VmRunState State, string? Why) : VmCommand;

    /// <summary>
    /// The hypervisor refused to tell a device what was asked. If it acted all the same, the sizes have already shown that.
    /// </summary>
    public sealed record TurnDown(SizedDevice Device, string Why) : VmCommand;

    /// <summary>A request was carried out.</summary>
    public sealed record Carried(SizedDevice Device) : VmCommand;

    /// <summary>The hypervisor refused to add the device that was asked for.</summary>
    public sealed record Refuse(Addition Addition, string Why) : VmCommand;

    /// <summary>Time has passed.</summary>
    public sealed record Look : VmCommand;

    public sealed record Lose(string Why) : VmCommand;

    public sealed record Finish(string Why) : VmCommand;
}

/// <summary>
/// The events of the state machine. <see cref="BalloonAsked"/>, <see cref="PlugAsked"/>, <see cref="RescueAsked"/> and
/// <see cref="ExtensionAsked"/> are requests that the holder of the connection carries out in their order.
/// </summary>
public abstract record VmEvent
{
    private VmEvent()
    {
    }

    public sealed record Connected(VmCapabilities Capabilities, Moment At) : VmEvent;

    public sealed record RunStateSeen(VmRunState State, string? Why, Moment At) : VmEvent;

    public sealed record TargetChanged(MemorySize Target, MemorySize Min, MemorySize Max, bool Urgent, Moment At) : VmEvent;

    /// <param name="Sizes">The sizes as the hypervisor shows them.</param>
    /// <param name="Moved">Base, plugged or ballooned memory changed.</param>
    public sealed record SizesSeen(VmSizes Sizes, bool Moved, Moment At) : VmEvent;

    /// <param name="Sizes">The sizes as the hypervisor shows them.</param>
    public sealed record ResetSeen(VmSizes Sizes, Moment At) : VmEvent;

    public sealed record SampleSeen(MemorySize Available, MemorySize MemTotal, Moment At) : VmEvent;

    public sealed record HelloSeen(GuestHello Hello) : VmEvent;

    /// <summary>The guest does not take what it is given.</summary>
    public sealed record GrowthDeclined(MemorySize Missing, Moment At) : VmEvent;

    /// <summary>The guest is tried with more, or takes what it is given again.</summary>
    public sealed record GrowthTried(bool Taken) : VmEvent;

    public sealed record BalloonAsked(MemorySize Ballooned, bool Again, Moment At) : VmEvent;

    public sealed record PlugAsked(MemorySize Plugged, bool Again, Moment At) : VmEvent;

    /// <param name="Base">The base that results from it.</param>
    public sealed record RescueAsked(MemorySize Base, Moment At) : VmEvent;

    /// <param name="PluggableMax">The least that can be plugged once the further device is there.</param>
    public sealed record ExtensionAsked(MemorySize PluggableMax, Moment At) : VmEvent;

    /// <param name="Repeated">The last refusal gave the same reason.</param>
    public sealed record TurnedDown(SizedDevice Device, string Why, bool Repeated, Moment At) : VmEvent;

    /// <summary>The hypervisor carries out requests for this device again.</summary>
    public sealed record Heeded(SizedDevice Device) : VmEvent;

    public sealed record Refused(Addition Addition, string Why, Moment At) : VmEvent;

    public sealed record PhaseEntered(VmPhase Phase, string? Why, Moment At) : VmEvent;
}
