using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;

namespace Dmm.Core.Vms;

/// <summary>Where a VM's memory stands. The table of transitions is in docs/hotplug.md.</summary>
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

    public VmPhase Phase { get; init; } = VmPhase.Booting;

    public string? Why { get; init; }

    /// <summary>What the guest could spare at <see cref="AvailableAt"/>; null where nobody tells.</summary>
    public MemorySize? Available { get; init; }

    public DateTimeOffset AvailableAt { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    /// <summary>When the sizes last changed, or the operation under way began.</summary>
    public DateTimeOffset MovedAt { get; init; }

    /// <summary>Tries since the last movement, and when the next may be made.</summary>
    public int Tries { get; init; }

    public DateTimeOffset NextTryAt { get; init; }

    public MemorySize Actual => Sizes?.Actual ?? MemorySize.Zero;

    /// <summary>What a sample taken after the last movement says can be taken; zero where there is none.</summary>
    public MemorySize CanGive =>
        Available is { } available && AvailableAt >= MovedAt ? available.MinusOrZero(Profile.Margin) : MemorySize.Zero;

    public MemorySize SparkWanted => Max > (Sizes?.Base ?? MemorySize.Zero) ? Profile.Spark : MemorySize.Zero;
}

/// <summary>What can be said to the state machine.</summary>
public abstract record VmCommand
{
    private VmCommand()
    {
    }

    public sealed record Connect(VmCapabilities Capabilities) : VmCommand;

    public sealed record SetTarget(MemorySize Target, MemorySize Max, bool Urgent, MemorySize Min = default) : VmCommand;

    public sealed record ObserveSizes(VmSizes Sizes) : VmCommand;

    public sealed record ObserveSample(GuestSample Sample) : VmCommand;

    /// <summary>Time has passed.</summary>
    public sealed record Look : VmCommand;

    public sealed record Lose(string Why) : VmCommand;

    public sealed record Finish(string Why) : VmCommand;
}

/// <summary>What follows. <see cref="BalloonAsked"/> and <see cref="PlugAsked"/> are to be carried out by whoever holds the VM.</summary>
public abstract record VmEvent
{
    private VmEvent()
    {
    }

    public sealed record Connected(VmCapabilities Capabilities) : VmEvent;

    public sealed record TargetChanged(MemorySize Target, MemorySize Min, MemorySize Max, bool Urgent, DateTimeOffset At) : VmEvent;

    /// <param name="Moved">The actual size, or a part of it, changed.</param>
    public sealed record SizesSeen(VmSizes Sizes, bool Moved, DateTimeOffset At) : VmEvent;

    public sealed record SampleSeen(MemorySize Available, DateTimeOffset At) : VmEvent;

    public sealed record BalloonAsked(MemorySize Ballooned, bool Again, DateTimeOffset At) : VmEvent;

    public sealed record PlugAsked(MemorySize Plugged, bool Again, DateTimeOffset At) : VmEvent;

    public sealed record PhaseEntered(VmPhase Phase, string? Why) : VmEvent;
}
