using System.Collections.Immutable;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>What is asked of a driver, one call at a time.</summary>
public enum VmCallKind
{
    Balloon,
    Plug,
    Rescue,
    Extend,
}

/// <param name="Size">
/// What the balloon is to hold back, what is to be plugged, or how much can be plugged at least once it is extended; zero for a rescue.
/// </param>
public readonly record struct VmCall(VmCallKind Kind, MemorySize Size);

/// <summary>
/// All that is known of one VM by whoever holds it. Nothing of it is persisted: what was promised stands in the host's journal, and what
/// is, its hypervisor tells.
/// </summary>
public sealed record Vm(VmId Id, VmMemory Memory)
{
    /// <summary>Its part of the journal; null until the host has told.</summary>
    public VmProtocol.Assume? Part { get; init; }

    /// <summary>It is being looked for, or launched.</summary>
    public bool Launching { get; init; }

    /// <summary>How it ended; null while it has not.</summary>
    public VmProtocol.Ended? End { get; init; }

    /// <summary>It is connected: calls can be made.</summary>
    public bool InHand { get; init; }

    /// <summary>Since when it is in hand; null while it is not.</summary>
    public Moment? InHandSince { get; init; }

    /// <summary>It is looked at again soon: an operation is under way.</summary>
    public bool LooksSoon { get; init; }

    /// <summary>How many times in a row connecting, or looking for its process, has failed, or its connection has broken.</summary>
    public int Attempts { get; init; }

    /// <summary>The number of the target that was heard last.</summary>
    public long Heard { get; init; }

    public GuestHello? Hello { get; init; }

    public GuestSample? Sample { get; init; }

    public HostCost? Cost { get; init; }

    /// <summary>
    /// What its process held at the moment of sizes that have not been reported yet; null where there is nothing to tell.
    /// </summary>
    public MemorySize? Resident { get; init; }

    /// <summary>The newest wish for each device, in the order asked.</summary>
    public ImmutableList<VmCall> Calls { get; init; } = ImmutableList<VmCall>.Empty;

    public VmCall? UnderWay { get; init; }

    /// <summary>It is stopping, or being ended: why, for people.</summary>
    public bool Stopping { get; init; }

    public string? StopWhy { get; init; }

    /// <summary>A stop's grace runs.</summary>
    public bool GraceRuns { get; init; }

    /// <summary>Why it was given up: it never booted. What comes then can't be taken back.</summary>
    public string? GaveUp { get; init; }

    /// <summary>What was said of a guest that is silent.</summary>
    public string? Silent { get; init; }

    /// <summary>Why its process is to end at once; a try to end it is under way while <see cref="Ending"/>.</summary>
    public string? EndWhy { get; init; }

    /// <summary>Why the last try to end it failed.</summary>
    public string? NotEnded { get; init; }

    public bool Ending { get; init; }

    public int Endings { get; init; }

    /// <summary>The fault that broke its connection while it was being ended; the end itself may be the cause.</summary>
    public string? Unheeded { get; init; }

    /// <summary>
    /// Calls wait, or are under way: what the VM can become is known only when they are through, with the sizes read after them. Only then
    /// may the host count on it, and more be asked.
    /// </summary>
    public bool Busy => UnderWay is not null || !Calls.IsEmpty;

    /// <summary>What its operator should know, and what that follows from.</summary>
    internal ImmutableArray<string> Warnings { get; init; } = [];

    internal (string? Silent, VmCapabilities? Can, GuestHello? Hello, MemorySize? Base, string? Extend)? WarnedOf { get; init; }

    public bool HasSpoken => Hello is not null || Sample is not null;
}
