using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Lifecycle;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// The host's journal: what was promised, in one order. Each event is a fact with a short stable name (docs/operate/journal.md);
/// old events always load, so members are added with defaults and never renamed.
/// </summary>
public interface IHostEvent
{
    DateTimeOffset At { get; }
}

/// <summary>The journal begins anew here, from what the daemon or the hypervisor knew: why, and where the old one went.</summary>
public sealed record JournalBegun(DateTimeOffset At, string Why) : IHostEvent;

/// <summary>Someone wants a VM; it waits for its memory until the deadline.</summary>
public sealed record VmRequested(DateTimeOffset At, VmSpec Spec, MemorySize Overhead, DateTimeOffset Deadline) : IHostEvent
{
    /// <summary>
    /// It was remembered and returns: how many returns there were since it last ran well. Null: it is created for the first time.
    /// </summary>
    public int? Tries { get; init; }

    /// <summary>It returns, and in none of its lives was its guest heard of.</summary>
    public bool NeverBooted { get; init; }

    /// <summary>Which request of this host it is: who came first has the lower one.</summary>
    public long Number { get; init; }

    /// <summary>The least that its image can be booted with; zero where that is not known.</summary>
    public MemorySize ImageNeeds { get; init; }
}

/// <summary>It is known who gives how much for it.</summary>
/// <param name="Asked">They have been told so; otherwise the promises that follow do that.</param>
public sealed record AdmissionPlanned(DateTimeOffset At, VmId Vm, RoomPlan Plan, bool Asked) : IHostEvent;

/// <summary>Nothing can be done for it now.</summary>
public sealed record AdmissionWaits(DateTimeOffset At, VmId Vm, WaitCause Cause, string Why) : IHostEvent;

/// <summary>Its memory is set aside: what it boots with, and all of it with the overhead. Nothing of it runs yet.</summary>
public sealed record MemoryReserved(DateTimeOffset At, VmId Vm, MemorySize Boot, MemorySize Size) : IHostEvent;

/// <summary>Its launch begins: from here on a process may exist.</summary>
/// <param name="Reserved">What is set aside for it; sets it aside where nothing was before.</param>
public sealed record LaunchBegun(DateTimeOffset At, VmId Vm, MemorySize Reserved) : IHostEvent;

/// <summary>It runs: the reservation becomes its claim in this one event.</summary>
public sealed record VmLaunched(DateTimeOffset At, VmId Vm, VmHandle Handle) : IHostEvent;

/// <summary>
/// Its guest was heard of for the first time since its launch (or need not be): it is up, and never given up for not booting from here on.
/// </summary>
public sealed record VmBooted(DateTimeOffset At, VmId Vm) : IHostEvent;

/// <summary>
/// Which process runs it was found out anew: by the handle it is reached from here on. Without a process it is not known which one does
/// (somebody else listens at its socket for it).
/// </summary>
public sealed record VmIdentified(DateTimeOffset At, VmId Vm, VmHandle Handle) : IHostEvent;

/// <summary>Its guest was handed over, or is being, and may run elsewhere: when its process ends it is not created here again.</summary>
public sealed record VmMigratedAway(DateTimeOffset At, VmId Vm) : IHostEvent;

/// <summary>One that was being handed over, or had been, runs here again: its migration was given up, or came to nothing.</summary>
public sealed record VmMigrationUndone(DateTimeOffset At, VmId Vm) : IHostEvent;

public enum AdmissionEnd
{
    Failed,
    Expired,
    Cancelled,
}

/// <summary>It will not be: what was set aside is given back.</summary>
public sealed record AdmissionEnded(DateTimeOffset At, VmId Vm, AdmissionEnd End, string Why) : IHostEvent;

/// <summary>A VM that someone else started is governed from now on.</summary>
public sealed record VmAdopted(DateTimeOffset At, VmPolicy Policy, VmHandle Handle, MemorySize Granted, MemorySize Overhead) : IHostEvent;

public sealed record PolicySet(DateTimeOffset At, VmId Vm, VmPolicy Policy) : IHostEvent;

/// <summary>An operator's own target; null: DMM decides again.</summary>
public sealed record OperatorTargetSet(DateTimeOffset At, VmId Vm, MemorySize? Target) : IHostEvent;

/// <summary>Promises changed, all in one step: what one VM gave up and another was given stand in the same event.</summary>
public sealed record PromisesChanged(DateTimeOffset At, ImmutableArray<PromiseChange> Changes) : IHostEvent;

/// <summary>Whether it is created anew after it has ended.</summary>
public sealed record RestartSet(DateTimeOffset At, VmId Vm, RestartPolicy Restart) : IHostEvent;

/// <summary>An operator wants the VM to end, and to stay so until it is started again.</summary>
public sealed record StopAsked(DateTimeOffset At, VmId Vm, TimeSpan Grace) : IHostEvent
{
    /// <summary>Its process is ended after the grace; otherwise it runs on then.</summary>
    public bool Kill { get; init; }
}

/// <summary>
/// Its guest did not power down in time and it was not to be killed: it runs on. When it ends it stays ended all the same.
/// </summary>
public sealed record StopGivenUp(DateTimeOffset At, VmId Vm, string Why) : IHostEvent;

/// <summary>An operator wants a VM that was to stop to go on: it returns again when it ends, as its restart policy says.</summary>
public sealed record StopWithdrawn(DateTimeOffset At, VmId Vm) : IHostEvent;

/// <summary>The VM has ended and its claim with it; it is forgotten.</summary>
public sealed record VmEnded(DateTimeOffset At, VmId Vm, string Why) : IHostEvent
{
    public EndCause Cause { get; init; }
}

/// <summary>
/// The VM does not run, nothing is set aside for it, and it is remembered: it ended, or what was begun for its return came to nothing. It
/// returns at <paramref name="ReturnAt"/>, or, where that is null, when an operator starts it. All that is needed for its return stands
/// here.
/// </summary>
public sealed record VmRested(
    DateTimeOffset At, VmSpec Spec, MemorySize Overhead, EndCause Cause, string Why, DateTimeOffset? ReturnAt, int Tries) : IHostEvent
{
    /// <summary>The least that its image can be booted with; zero where that is not known.</summary>
    public MemorySize ImageNeeds { get; init; }

    /// <summary>
    /// In none of its lives was its guest heard of. (Earlier releases remembered only who had been, or had been stopped.)
    /// </summary>
    public bool NeverBooted { get; init; }
}

/// <summary>The VM runs on without DMM; or, where it did not run, nothing of it is remembered.</summary>
public sealed record VmForgotten(DateTimeOffset At, VmId Vm) : IHostEvent
{
    /// <summary>Who runs on; null where it did not run, or as its last event said.</summary>
    public VmHandle? Handle { get; init; }

    /// <summary>
    /// What it may take of the host, overhead included: as long as its process runs nobody else is promised that. Null: what was promised
    /// to it.
    /// </summary>
    public MemorySize? Held { get; init; }
}

/// <summary>One that was let go of was seen not to run any more: what it could take is free.</summary>
public sealed record LetGoEnded(DateTimeOffset At, VmId Vm) : IHostEvent;
