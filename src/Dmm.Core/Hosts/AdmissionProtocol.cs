using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

public static class AdmissionProtocol
{
    /// <summary>A new VM is wanted. Answered by <c>HostProtocol.Done</c> when it is in the queue, or <c>HostProtocol.Refused</c>.</summary>
    public sealed record CreateVm(VmSpec Spec, MemorySize Overhead, TimeSpan? Timeout, ImmutableArray<string> Notes)
    {
        /// <summary>The least that its image can be booted with; zero where that is not known.</summary>
        public MemorySize ImageNeeds { get; init; }
    }

    /// <summary>The host's refusal of <see cref="HostProtocol.RecordRequest"/>, with the name that it is about.</summary>
    public sealed record RecordRefused(VmId Vm, HostProtocol.Refused Refusal);

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
