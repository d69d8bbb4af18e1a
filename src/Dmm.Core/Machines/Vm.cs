using System.Collections.Immutable;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>The calls that a driver can be asked for; one call is under way at a time.</summary>
public enum VmCallKind
{
    Balloon,
    Plug,
    Rescue,
    Extend,
}

/// <param name="Size">
/// Balloon: the memory that it is to hold back. Plug: the memory that is to be plugged. Extend: the memory that can be plugged at least
/// after it. Rescue: zero.
/// </param>
public readonly record struct VmCall(VmCallKind Kind, MemorySize Size);

/// <summary>
/// All that a VM's machine knows of its VM. None of it is persisted: the promises stand in the host's journal, and the hypervisor reports
/// the present state.
/// </summary>
public sealed record Vm(VmId Id, VmMemory Memory)
{
    /// <summary>Its part of the journal; null until the host has sent it.</summary>
    public VmProtocol.Assume? Part { get; init; }

    /// <summary>True while the VM is being looked for, or launched.</summary>
    public bool Launching { get; init; }

    /// <summary>How the VM ended; null while it has not.</summary>
    public VmProtocol.Ended? End { get; init; }

    /// <summary>True while it is connected: calls can be made.</summary>
    public bool InHand { get; init; }

    /// <summary>When the connection was made; null while there is none.</summary>
    public Moment? InHandSince { get; init; }

    /// <summary>True while a look at it is scheduled, because an operation is under way.</summary>
    public bool LooksSoon { get; init; }

    /// <summary>
    /// How many times in a row a connection could not be made, the search for its process failed, or its connection broke.
    /// </summary>
    public int Attempts { get; init; }

    /// <summary>The number of the last target that it heard.</summary>
    public long Heard { get; init; }

    /// <summary>That target; null before the first.</summary>
    public VmProtocol.SetTarget? Told { get; init; }

    /// <summary>
    /// When its guest was last in need of more than that target, so that it takes its lease; null while it does not.
    /// </summary>
    public Moment? InNeedAt { get; init; }

    public GuestHello? Hello { get; init; }

    public GuestSample? Sample { get; init; }

    public HostCost? Cost { get; init; }

    /// <summary>
    /// The memory that its process held when sizes were read that have not been reported yet; null where there is nothing to report.
    /// </summary>
    public HeldMemory? Resident { get; init; }

    /// <summary>The overhead that the host claims for it.</summary>
    public MemorySize Overhead { get; init; }

    /// <summary>The bounds that the host was last asked to hold it to; null where it was not asked, or could not.</summary>
    public VmBounds? Bounds { get; init; }

    /// <summary>Why the host could not hold it to its bounds; null where it could, or was not asked.</summary>
    public string? NotHeld { get; init; }

    /// <summary>True when it is time to try that again.</summary>
    public bool HoldAgain { get; init; }

    /// <summary>The newest call for each device, in the order asked.</summary>
    public ImmutableList<VmCall> Calls { get; init; } = ImmutableList<VmCall>.Empty;

    public VmCall? UnderWay { get; init; }

    /// <summary>True while it is stopping or being ended; <see cref="StopWhy"/> tells people why.</summary>
    public bool Stopping { get; init; }

    public string? StopWhy { get; init; }

    /// <summary>True while the grace of a stop runs.</summary>
    public bool GraceRuns { get; init; }

    /// <summary>Why it was given up: it never booted. After that, its end can't be taken back.</summary>
    public string? GaveUp { get; init; }

    /// <summary>The notice about its silent guest.</summary>
    public string? Silent { get; init; }

    /// <summary>Why its process is to be ended at once; a try to end it is under way while <see cref="Ending"/> is true.</summary>
    public string? EndWhy { get; init; }

    /// <summary>Why the last try to end it failed.</summary>
    public string? NotEnded { get; init; }

    public bool Ending { get; init; }

    public int Endings { get; init; }

    /// <summary>The fault that broke its connection while it was being ended; the end itself may have caused it.</summary>
    public string? Unheeded { get; init; }

    /// <summary>
    /// True while calls wait or are under way. The size that the VM can become is known only after all calls, with the sizes read after
    /// them. Only then may the host count on it, or ask for more.
    /// </summary>
    public bool Busy => UnderWay is not null || !Calls.IsEmpty;

    /// <summary>What its operator should know. <see cref="WarnedOf"/> holds the facts that the warnings were made from.</summary>
    internal ImmutableArray<string> Warnings { get; init; } = [];

    internal (string? Silent, VmCapabilities? Can, GuestHello? Hello, MemorySize? Base, string? Extend, Declined? Declined)? WarnedOf
    {
        get;
        init;
    }

    public bool HasSpoken => Hello is not null || Sample is not null;
}
