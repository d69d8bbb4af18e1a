using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Lifecycle;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// The host's journal: all promises, in one order. Each event is a fact with a short stable name (docs/operate/journal.md). Old events can
/// always be loaded, so members are added with defaults and never renamed.
/// </summary>
public interface IHostEvent
{
    DateTimeOffset At { get; }
}

/// <summary>
/// The journal starts again here, from what the daemon or the hypervisor knew. The text says why, and where the old journal went.
/// </summary>
public sealed record JournalBegun(DateTimeOffset At, string Why) : IHostEvent;

/// <summary>Someone asked for a VM; it waits for its memory until the deadline.</summary>
public sealed record VmRequested(DateTimeOffset At, VmSpec Spec, MemorySize Overhead, DateTimeOffset Deadline) : IHostEvent
{
    /// <summary>The number of returns since a remembered VM last ran well. Null: the VM is created for the first time.</summary>
    public int? Tries { get; init; }

    /// <summary>True for a return of a VM whose guest has never been heard from, in any of its runs.</summary>
    public bool NeverBooted { get; init; }

    /// <summary>The number of the request on this host: a lower number came earlier.</summary>
    public long Number { get; init; }

    /// <summary>The least memory that its image can boot with; zero where that is not known.</summary>
    public MemorySize ImageNeeds { get; init; }
}

/// <summary>There is a plan of which peer gives how much for it.</summary>
/// <param name="Asked">True where the peers have been told so; otherwise the promises that follow tell them.</param>
public sealed record AdmissionPlanned(DateTimeOffset At, VmId Vm, RoomPlan Plan, bool Asked) : IHostEvent;

/// <summary>Nothing can be done for it now.</summary>
public sealed record AdmissionWaits(DateTimeOffset At, VmId Vm, WaitCause Cause, string Why) : IHostEvent;

/// <summary>
/// Its memory is set aside: <paramref name="Boot"/> is what it boots with, <paramref name="Size"/> includes the overhead. No process of it
/// runs yet.
/// </summary>
public sealed record MemoryReserved(DateTimeOffset At, VmId Vm, MemorySize Boot, MemorySize Size) : IHostEvent;

/// <summary>Its launch begins: from here on a process may exist.</summary>
/// <param name="Reserved">The memory set aside for it. Sets it aside where nothing was before.</param>
public sealed record LaunchBegun(DateTimeOffset At, VmId Vm, MemorySize Reserved) : IHostEvent;

/// <summary>The VM runs: in this one event, the reservation becomes its claim.</summary>
public sealed record VmLaunched(DateTimeOffset At, VmId Vm, VmHandle Handle) : IHostEvent;

/// <summary>
/// Its guest was heard from for the first time since its launch (or need not be): it is up, and from now on is never given up for not
/// booting.
/// </summary>
public sealed record VmBooted(DateTimeOffset At, VmId Vm) : IHostEvent;

/// <summary>
/// The process that runs the VM was identified again; from now on the VM is reached by this handle. A handle without a process: it is not
/// known which process runs the VM (another program listens at its socket for it).
/// </summary>
public sealed record VmIdentified(DateTimeOffset At, VmId Vm, VmHandle Handle) : IHostEvent;

/// <summary>
/// Its guest was migrated, or is being migrated, and may run elsewhere: when its process ends, it is not created here again.
/// </summary>
public sealed record VmMigratedAway(DateTimeOffset At, VmId Vm) : IHostEvent;

/// <summary>A VM that was being migrated, or had been, runs here again: the migration was given up, or failed.</summary>
public sealed record VmMigrationUndone(DateTimeOffset At, VmId Vm) : IHostEvent;

/// <summary>
/// The memory that the VM's process takes beside the VM's own was measured; the ledger counts this much from now on
/// (<see cref="Memory.CountedOverhead"/>).
/// </summary>
public sealed record OverheadMeasured(DateTimeOffset At, VmId Vm, MemorySize Overhead) : IHostEvent;

public enum AdmissionEnd
{
    Failed,
    Expired,
    Cancelled,
}

/// <summary>The VM will not be created: its reservation is given back.</summary>
public sealed record AdmissionEnded(DateTimeOffset At, VmId Vm, AdmissionEnd End, string Why) : IHostEvent;

/// <summary>DMM governs a VM that someone else started from now on.</summary>
public sealed record VmAdopted(DateTimeOffset At, VmPolicy Policy, VmHandle Handle, MemorySize Granted, MemorySize Overhead) : IHostEvent;

public sealed record PolicySet(DateTimeOffset At, VmId Vm, VmPolicy Policy) : IHostEvent;

/// <summary>An operator's own target; null: DMM decides again.</summary>
public sealed record OperatorTargetSet(DateTimeOffset At, VmId Vm, MemorySize? Target) : IHostEvent;

/// <summary>Promises changed, all in one step: what one VM gave up and what another was given stand in the same event.</summary>
public sealed record PromisesChanged(DateTimeOffset At, ImmutableArray<PromiseChange> Changes) : IHostEvent;

/// <summary>The VM has another restart policy: whether it is created again after it has ended.</summary>
public sealed record RestartSet(DateTimeOffset At, VmId Vm, RestartPolicy Restart) : IHostEvent;

/// <summary>An operator wants the VM to end, and to stay stopped until it is started again.</summary>
public sealed record StopAsked(DateTimeOffset At, VmId Vm, TimeSpan Grace) : IHostEvent
{
    /// <summary>True where its process is ended after the grace; otherwise the VM runs on.</summary>
    public bool Kill { get; init; }
}

/// <summary>Its guest did not power down in time and was not to be killed: it runs on. If it ends later, it still stays stopped.</summary>
public sealed record StopGivenUp(DateTimeOffset At, VmId Vm, string Why) : IHostEvent;

/// <summary>An operator withdrew the order to stop: when the VM ends, it returns as its restart policy says.</summary>
public sealed record StopWithdrawn(DateTimeOffset At, VmId Vm) : IHostEvent;

/// <summary>The VM and its claim have ended; it is forgotten.</summary>
public sealed record VmEnded(DateTimeOffset At, VmId Vm, string Why) : IHostEvent
{
    public EndCause Cause { get; init; }
}

/// <summary>
/// The VM does not run, nothing is set aside for it, and it is remembered: it ended, or its return failed. It returns at
/// <paramref name="ReturnAt"/>; where that is null, when an operator starts it. The event holds all that the return needs.
/// </summary>
public sealed record VmRested(
    DateTimeOffset At, VmSpec Spec, MemorySize Overhead, EndCause Cause, string Why, DateTimeOffset? ReturnAt, int Tries) : IHostEvent
{
    /// <summary>The least memory that its image can boot with; zero where that is not known.</summary>
    public MemorySize ImageNeeds { get; init; }

    /// <summary>
    /// True where its guest was never heard from in any of its runs. (Earlier releases remembered only VMs that had been heard from or had
    /// been stopped.)
    /// </summary>
    public bool NeverBooted { get; init; }

    /// <summary>True where a drain of its host ended it: it returns when the drain ends.</summary>
    public bool Drained { get; init; }
}

/// <summary>The VM runs on without DMM; where it did not run, it is no longer remembered.</summary>
public sealed record VmForgotten(DateTimeOffset At, VmId Vm) : IHostEvent
{
    /// <summary>The handle of the VM that runs on; null where it did not run, or where it is as its last event said.</summary>
    public VmHandle? Handle { get; init; }

    /// <summary>
    /// The memory that it may take of the host, overhead included: nobody else is promised that while its process runs. Null: what was
    /// promised to it.
    /// </summary>
    public MemorySize? Held { get; init; }
}

/// <summary>
/// An operator takes the host out of service: it takes no VMs, and the VMs of this event are asked to power down, each of them by
/// <paramref name="Until"/>. A drain that is in force already gets this deadline.
/// </summary>
/// <param name="Kill">Whether the process of a VM that still runs then is ended; otherwise it runs on.</param>
/// <param name="Stay">Whether the drain stays over a restart of the host.</param>
/// <param name="BootId">The boot of the host in which it was ordered; null where that can't be told.</param>
public sealed record HostDrainBegun(DateTimeOffset At, DateTimeOffset Until, bool Kill, bool Stay, string? BootId, ImmutableArray<VmId> Vms)
    : IHostEvent
{
    /// <summary>When the first order to drain came; null: with this event.</summary>
    public DateTimeOffset? Since { get; init; }
}

/// <summary>The host is back in service: in this one event, all VMs that the drain ended are to return.</summary>
public sealed record HostDrainEnded(DateTimeOffset At, string Why) : IHostEvent;

/// <summary>A VM that was let go no longer runs: the memory that it could take is free.</summary>
public sealed record LetGoEnded(DateTimeOffset At, VmId Vm) : IHostEvent;
