using System.Collections.Immutable;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>A message to a VM's machine: from the host (<see cref="VmProtocol"/>), or from the VM's driver.</summary>
public interface IVmMessage;

/// <summary>Messages between the host and a VM's actor.</summary>
public static class VmProtocol
{
    /// <summary>To the host: this VM's actor has started (or restarted) and waits for its part of the journal.</summary>
    public sealed record Started(VmId Vm) : IHostCommand;

    /// <summary>To the VM: its part of the journal. Without a handle, the VM is to be launched from the spec.</summary>
    /// <param name="MayRun">Where there is no handle: true if its launch may have begun before, so that it may run already.</param>
    public sealed record Assume(VmSpec? Spec, VmHandle? Handle, VmPolicy Policy, Promise? Promise, StopOrder? Stop, bool MayRun)
        : IVmMessage
    {
        /// <summary>
        /// True where its guest was heard from since its launch, or somebody else started it: it is never given up for not booting.
        /// </summary>
        public bool Booted { get; init; }

        /// <summary>True where its guest was heard from in this run or an earlier one: the VM is never ended for being silent.</summary>
        public bool EverBooted { get; init; }

        /// <summary>The memory that it asked to boot with; it may have been started early with less.</summary>
        public MemorySize? Asked { get; init; }
    }

    public sealed record Launched(VmId Vm, VmHandle Handle) : IHostCommand;

    public sealed record LaunchFailed(VmId Vm, string Why) : IHostCommand;

    /// <summary>To the VM: a new target. Urgent: reach it at once, by all means.</summary>
    public sealed record SetTarget(MemorySize Target, MemorySize Min, MemorySize Max, bool Urgent) : IVmMessage
    {
        /// <summary>The number of this message; no two targets that the host has told have the same. The VM's reports name it.</summary>
        public long Number { get; init; }

        /// <summary>The overhead that is claimed beside its memory.</summary>
        public MemorySize Overhead { get; init; }

        /// <inheritdoc cref="Promise.Lease"/>
        public MemorySize Lease { get; init; }
    }

    /// <summary>
    /// To the VM, from the predictor: its guest is about to stall, and should have <paramref name="Demand"/>. The host is told, too; but
    /// its answer may be late, since it waits for a disk.
    /// </summary>
    public sealed record InNeed(MemorySize Demand) : IVmMessage;

    /// <summary>
    /// To the VM: the host's actor has restarted and knows only what the journal knows. The VM must repeat anything that the host may not
    /// have heard.
    /// </summary>
    public sealed record HostIsBack : IVmMessage;

    public sealed record Stop(StopOrder Order) : IVmMessage;

    /// <summary>To the VM: the order to stop is withdrawn.</summary>
    public sealed record GoOn : IVmMessage;

    /// <summary>To the host: the guest has not powered down in time and was not to be killed: it runs on.</summary>
    public sealed record StopGivenUp(VmId Vm, string Why) : IHostCommand;

    /// <summary>To the host: the process that runs it was identified, or is no longer known.</summary>
    public sealed record Identified(VmId Vm, VmHandle Handle) : IHostCommand;

    /// <summary>To the host: the VM is gone and its memory is back.</summary>
    public sealed record Ended(VmId Vm, string Why, EndCause Cause) : IHostCommand;

    /// <summary>To the host, whenever it changes: all that the host needs to know of a VM.</summary>
    public sealed record Report(VmId Vm, VmPhase Phase, string? Why, VmSizes? Sizes, Confirmation? Confirmation) : IHostCommand
    {
        /// <summary>
        /// The number of the <see cref="SetTarget"/> that this actor heard last; 0 for none. A report that was under way meanwhile does not
        /// answer for a later one.
        /// </summary>
        public long Heard { get; init; }

        public VmCapabilities? Capabilities { get; init; }

        /// <summary>The most that it can become here, within its max: by its devices, and by what its guest can accept.</summary>
        public MemorySize? Most { get; init; }

        public GuestHello? Hello { get; init; }

        public GuestSample? Sample { get; init; }

        /// <summary>
        /// What was last read of its process, with these sizes or before; null where that was reported before, or nobody could read it.
        /// </summary>
        public HeldMemory? Resident { get; init; }

        /// <summary>The measured cost; null until this actor has measured it: what was known before stands.</summary>
        public HostCost? Cost { get; init; }

        public ImmutableArray<string> Warnings { get; init; } = [];

        public VmRunState RunState { get; init; }

        public bool Stopping { get; init; }

        /// <summary>Its guest was reset and has not been heard of since: it needs all that it booted with.</summary>
        public bool Reboots { get; init; }

        /// <summary>
        /// Why the host does not hold it to its claim, where it should and could not; null otherwise (<see cref="VmCapabilities.Group"/>).
        /// </summary>
        public string? NotHeld { get; init; }

        /// <summary>The host itself holds the VM to its claim.</summary>
        public bool Enforced => Capabilities?.Group is not null && NotHeld is null;

        /// <summary>Its guest does not take more than <see cref="Most"/>, whatever it was granted.</summary>
        public bool Declines { get; init; }

        /// <summary>The lease that it was last told, which it may take at any time.</summary>
        public MemorySize Lease { get; init; }
    }
}
