using System.Collections.Immutable;
using Dmm.Actors.Vms;
using Dmm.Core.Demand;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>What may be said to the host's actor by operators (through the daemon) and by the admission actor.</summary>
public static class HostProtocol
{
    // From operators; answered by Done or Refused.
    public sealed record AdoptVm(VmHandle Handle, VmPolicy Policy, MemorySize Actual, MemorySize Overhead);

    /// <summary>What is null stays.</summary>
    public sealed record SetPolicy(VmId Vm, MemorySize? Min, MemorySize? Max, int? Shares);

    /// <summary>Null: DMM decides again.</summary>
    public sealed record ResizeVm(VmId Vm, MemorySize? Target);

    public sealed record StopVm(VmId Vm, TimeSpan Grace);

    public sealed record ForgetVm(VmId Vm);

    public sealed record Done(VmId Vm, string Text, ImmutableArray<string> Notes);

    public enum RefusalKind
    {
        NotFound,
        Conflict,
        Refused,
        Failed,
    }

    public sealed record Refused(RefusalKind Kind, string Why);

    /// <summary>Answered by <see cref="Status"/>.</summary>
    public sealed record GetStatus;

    /// <summary>A picture of the host as its actor knows it at this moment.</summary>
    public sealed record Status(
        HostState State,
        ImmutableDictionary<VmId, VmProtocol.Report> Reports,
        ImmutableDictionary<VmId, Forecast> Forecasts,
        MemorySize Cushion,
        VmId? Gathering);

    // From the admission actor.

    /// <summary>Write down that this VM is wanted. Answered by <see cref="RequestRecorded"/> or <see cref="Refused"/>.</summary>
    public sealed record RecordRequest(VmSpec Spec, MemorySize Overhead, DateTimeOffset Deadline);

    public sealed record RequestRecorded(VmId Vm);

    /// <summary>Make room for this one, then launch it.</summary>
    public sealed record Gather(VmId Vm);

    /// <summary>It is not wanted any more, or its time is up. Memory is given back, unless its launch has begun.</summary>
    public sealed record GiveUp(VmId Vm, AdmissionEnd End, string Why);
}
