using System.Collections.Immutable;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Admission;

public static class AdmissionProtocol
{
    /// <summary>A new VM is wanted. Answered by <c>HostProtocol.Done</c> when it is in the queue, or <c>HostProtocol.Refused</c>.</summary>
    public sealed record CreateVm(VmSpec Spec, MemorySize Overhead, TimeSpan? Timeout, ImmutableArray<string> Notes);

    /// <summary>From the host at its start: what the journal says is wanted still, in the order in which it was asked for.</summary>
    public sealed record Restore(ImmutableArray<Wanted> Queue);

    public sealed record Wanted(VmId Vm, DateTimeOffset Deadline, bool Launching);

    /// <summary>From the host: its launch has begun; the deadline no longer ends it.</summary>
    public sealed record Launching(VmId Vm);

    /// <summary>From the host: the VM runs, or will not.</summary>
    public sealed record Finished(VmId Vm);

    /// <summary>An operator wants it no more. Answered by <c>HostProtocol.Done</c> or <c>HostProtocol.Refused</c>.</summary>
    public sealed record Cancel(VmId Vm);
}

public sealed record AdmissionSettings
{
    /// <summary>How long a VM waits for its memory unless its request says otherwise.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How many VMs may wait.</summary>
    public int Queue { get; init; } = 64;
}
