using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Ports;

/// <summary>A fact about a VM, as its driver saw it.</summary>
public abstract record VmObservation
{
    private VmObservation()
    {
    }

    public sealed record Sizes(VmSizes Value) : VmObservation
    {
        /// <summary>
        /// What was read of the VM's process right after the sizes; null where it could not be read. Memory that a guest says it gave is
        /// back only when this figure falls.
        /// </summary>
        public HeldMemory? Resident { get; init; }

        /// <summary>
        /// True for the first sizes that were read after the guest was reset. What the guest said before is not true of it any more, and a
        /// balloon's figure may still be that from before.
        /// </summary>
        public bool AfterReset { get; init; }
    }

    public sealed record Sample(GuestSample Value) : VmObservation;

    /// <summary>
    /// Whether the guest runs. Drivers that can tell report it at each connection before the connection is complete, and whenever it
    /// changes.
    /// </summary>
    /// <param name="Why">The reason in one line, in the hypervisor's words; null while the guest runs.</param>
    public sealed record RunState(VmRunState Value, string? Why) : VmObservation;

    /// <summary>The agent has introduced itself, for the first time or again.</summary>
    public sealed record Hello(GuestHello Value) : VmObservation;

    /// <summary>The VM's capabilities have changed: a device was added, or its guest turned out to lack a driver.</summary>
    public sealed record Able(VmCapabilities Value) : VmObservation;

    /// <summary>The agent is silent: it sent no line for longer than its slowest period allows, or its channel closed.</summary>
    public sealed record AgentSilent(string Why) : VmObservation;

    /// <summary>The hypervisor's control connection broke; the VM may still run. This is the last observation of a connection.</summary>
    public sealed record ConnectionLost(string Why) : VmObservation;

    /// <summary>The VM has ended. This is the last observation of a connection.</summary>
    /// <param name="Cause"><see cref="EndCause.PoweredDown"/> where the end was intended, otherwise <see cref="EndCause.Failed"/>.</param>
    public sealed record Ended(string Why, EndCause Cause) : VmObservation;
}
