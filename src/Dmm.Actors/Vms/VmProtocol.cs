using System.Collections.Immutable;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Vms;

/// <summary>What the host and a VM's actor tell each other.</summary>
public static class VmProtocol
{
    /// <summary>To the host: this VM's actor has started (anew) and waits for its part.</summary>
    public sealed record Started(VmId Vm);

    /// <summary>To the VM: its part of the journal. Without a handle it is to be launched from the spec.</summary>
    public sealed record Assume(VmSpec? Spec, VmHandle? Handle, VmPolicy Policy, Promise? Promise, TimeSpan? StopGrace);

    public sealed record Launched(VmId Vm, VmHandle Handle);

    public sealed record LaunchFailed(VmId Vm, string Why);

    /// <summary>To the VM: become this. Urgent: at once, by all means.</summary>
    public sealed record SetTarget(MemorySize Target, MemorySize Min, MemorySize Max, bool Urgent);

    public sealed record Stop(TimeSpan Grace);

    /// <summary>To the host: the VM is gone and its memory is back.</summary>
    public sealed record Ended(VmId Vm, string Why);

    /// <summary>To the host, whenever it changes: all that it needs to know of a VM.</summary>
    public sealed record Report(VmId Vm, VmPhase Phase, string? Why, VmSizes? Sizes, Standing? Standing)
    {
        public VmCapabilities? Capabilities { get; init; }

        public GuestHello? Hello { get; init; }

        public GuestSample? Sample { get; init; }

        /// <summary>As measured; null until it was.</summary>
        public MemorySize? Overhead { get; init; }

        public ImmutableArray<string> Warnings { get; init; } = [];

        public bool Stopping { get; init; }
    }
}
