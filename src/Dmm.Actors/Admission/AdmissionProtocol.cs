using System.Collections.Immutable;
using Dmm.Actors.Hosts;
using Dmm.Core;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Admission;

public static class AdmissionProtocol
{
    /// <summary>A new VM is wanted. Answered by <c>HostProtocol.Done</c> when it is in the queue, or <c>HostProtocol.Refused</c>.</summary>
    public sealed record CreateVm(VmSpec Spec, MemorySize Overhead, TimeSpan? Timeout, ImmutableArray<string> Notes)
    {
        /// <summary>The least that its image can be booted with; zero where that is not known.</summary>
        public MemorySize ImageNeeds { get; init; }
    }

    /// <summary>From the host at its start: what the journal says is wanted still, in the order in which it was asked for.</summary>
    public sealed record Restore(ImmutableArray<Wanted> Queue);

    /// <param name="Provided">Its memory is set aside.</param>
    public sealed record Wanted(VmId Vm, Moment Deadline, bool Provided);

    /// <summary>From the host: its memory is set aside; the deadline no longer ends it.</summary>
    public sealed record Provided(VmId Vm);

    /// <summary>From the host: the VM runs, or will not.</summary>
    /// <param name="End">Null: it runs.</param>
    public sealed record Finished(VmId Vm, AdmissionEnd? End);

    /// <summary>An operator wants it no more. Answered by <c>HostProtocol.Done</c> or <c>HostProtocol.Refused</c>.</summary>
    public sealed record Cancel(VmId Vm);
}

public sealed record AdmissionSettings
{
    /// <summary>How long a VM waits for its memory unless its request says otherwise.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How many VMs may wait.</summary>
    public int Queue { get; init; } = 64;

    /// <summary>Why no more may wait; null where one more may.</summary>
    public string? Full(int waiting) =>
        waiting >= Queue ? $"{waiting} VMs wait to be created already, as many as dmm.admission.queue allows; try again later" : null;
}
