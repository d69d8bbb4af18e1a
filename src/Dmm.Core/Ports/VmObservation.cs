using Dmm.Core.Lifecycle;
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
        /// What the VM's process held of its host right after the sizes were read, page tables included; null where nobody could look. What
        /// a guest says that it gave is back only when this is less.
        /// </summary>
        public MemorySize? Resident { get; init; }
    }

    public sealed record Sample(GuestSample Value) : VmObservation;

    /// <summary>
    /// Whether its guest runs. Told at each connection before the VM is in hand, by drivers that can tell, and whenever it changes.
    /// </summary>
    /// <param name="Why">In one line, in the hypervisor's words; null while it runs.</param>
    public sealed record RunState(VmRunState Value, string? Why) : VmObservation;

    /// <summary>The agent has (again) introduced itself.</summary>
    public sealed record Hello(GuestHello Value) : VmObservation;

    /// <summary>What the VM can do has changed: a device was added, or its guest turned out to lack a driver.</summary>
    public sealed record Able(VmCapabilities Value) : VmObservation;

    /// <summary>The agent has fallen silent: no line for longer than its slowest period allows, or its channel closed.</summary>
    public sealed record AgentSilent(string Why) : VmObservation;

    /// <summary>The hypervisor's control connection broke; the VM may well run on. Last observation of a connection.</summary>
    public sealed record ConnectionLost(string Why) : VmObservation;

    /// <summary>The VM has ended. Last observation of a connection.</summary>
    /// <param name="Cause"><see cref="EndCause.PoweredDown"/> where it was meant, otherwise <see cref="EndCause.Failed"/>.</param>
    public sealed record Ended(string Why, EndCause Cause) : VmObservation;
}
