using System.Collections.Immutable;
using Dmm.Core.Lifecycle;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>What can be said to a VM's machine: by the host (<see cref="VmProtocol"/>), and by whoever holds the VM.</summary>
public interface IVmMessage;

/// <summary>What the host and a VM's actor tell each other.</summary>
public static class VmProtocol
{
    /// <summary>To the host: this VM's actor has started (anew) and waits for its part.</summary>
    public sealed record Started(VmId Vm) : IHostCommand;

    /// <summary>To the VM: its part of the journal. Without a handle it is to be launched from the spec.</summary>
    /// <param name="MayRun">Without a handle: its launch may have begun before, so that it may run already.</param>
    public sealed record Assume(VmSpec? Spec, VmHandle? Handle, VmPolicy Policy, Promise? Promise, StopOrder? Stop, bool MayRun)
        : IVmMessage
    {
        /// <summary>It was heard of since it was launched, or somebody else started it: it is never given up for not booting.</summary>
        public bool Booted { get; init; }

        /// <summary>So it was in this life or an earlier one: it is never ended for being silent.</summary>
        public bool EverBooted { get; init; }

        /// <summary>What it asked to boot with; it may have been started early with less.</summary>
        public MemorySize? Asked { get; init; }
    }

    public sealed record Launched(VmId Vm, VmHandle Handle) : IHostCommand;

    public sealed record LaunchFailed(VmId Vm, string Why) : IHostCommand;

    /// <summary>To the VM: become this. Urgent: at once, by all means.</summary>
    public sealed record SetTarget(MemorySize Target, MemorySize Min, MemorySize Max, bool Urgent) : IVmMessage
    {
        /// <summary>Which of all that the host has told this is; no two have the same. The VM's reports name it.</summary>
        public long Number { get; init; }
    }

    /// <summary>
    /// To the VM: the host's actor has started anew and knows what the journal knows. What it may not have heard is to be told again.
    /// </summary>
    public sealed record HostIsBack : IVmMessage;

    public sealed record Stop(StopOrder Order) : IVmMessage;

    /// <summary>To the VM: it is not to stop any more.</summary>
    public sealed record GoOn : IVmMessage;

    /// <summary>To the host: the guest has not powered down in time, and was not to be ended: it runs on.</summary>
    public sealed record StopGivenUp(VmId Vm, string Why) : IHostCommand;

    /// <summary>To the host: which process runs it was found out, or is not known any more.</summary>
    public sealed record Identified(VmId Vm, VmHandle Handle) : IHostCommand;

    /// <summary>To the host: the VM is gone and its memory is back.</summary>
    public sealed record Ended(VmId Vm, string Why, EndCause Cause) : IHostCommand;

    /// <summary>To the host, whenever it changes: all that it needs to know of a VM.</summary>
    public sealed record Report(VmId Vm, VmPhase Phase, string? Why, VmSizes? Sizes, Confirmation? Confirmation) : IHostCommand
    {
        /// <summary>
        /// The number of the <see cref="SetTarget"/> that this actor heard last; 0 for none. A report that was under way meanwhile answers
        /// for none that came later.
        /// </summary>
        public long Heard { get; init; }

        public VmCapabilities? Capabilities { get; init; }

        /// <summary>The most that it can become here, within its max: by its devices, and by what its guest can accept.</summary>
        public MemorySize? Most { get; init; }

        public GuestHello? Hello { get; init; }

        public GuestSample? Sample { get; init; }

        /// <summary>What its process held when these sizes were read; null where that was told before, or nobody could look.</summary>
        public MemorySize? Resident { get; init; }

        /// <summary>As measured; null until it was.</summary>
        public HostCost? Cost { get; init; }

        public ImmutableArray<string> Warnings { get; init; } = [];

        public VmRunState RunState { get; init; }

        public bool Stopping { get; init; }
    }
}
