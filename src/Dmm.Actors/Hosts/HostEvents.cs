using System.Collections.Immutable;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>
/// The host's journal: what was promised, in one order. Each event is a fact with a short stable name (<see cref="Serialization.HostEventSerializer"/>);
/// old events always load, so members are added with defaults and never renamed.
/// </summary>
public interface IHostEvent
{
    DateTimeOffset At { get; }
}

/// <summary>Someone wants a VM; it waits for its memory until the deadline.</summary>
public sealed record VmRequested(DateTimeOffset At, VmSpec Spec, MemorySize Overhead, DateTimeOffset Deadline) : IHostEvent;

/// <summary>Memory is set aside for it, and its launch begins: from here on a process may exist.</summary>
public sealed record LaunchBegun(DateTimeOffset At, VmId Vm, MemorySize Reserved) : IHostEvent;

/// <summary>It runs: the reservation becomes its claim in this one event.</summary>
public sealed record VmLaunched(DateTimeOffset At, VmId Vm, VmHandle Handle) : IHostEvent;

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

/// <summary>An operator wants the VM to end.</summary>
public sealed record StopAsked(DateTimeOffset At, VmId Vm, TimeSpan Grace) : IHostEvent;

/// <summary>The VM has ended and its claim with it.</summary>
public sealed record VmEnded(DateTimeOffset At, VmId Vm, string Why) : IHostEvent;

/// <summary>The VM runs on without DMM.</summary>
public sealed record VmForgotten(DateTimeOffset At, VmId Vm) : IHostEvent;
