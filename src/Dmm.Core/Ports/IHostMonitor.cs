using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Core.Ports;

/// <summary>
/// The port through which the actors see the host itself, as <see cref="IHypervisor"/> is the port to its VMs. It is in Core for the same
/// reason, and does no I/O of its own. A reading is of one moment: the host's memory and the resident memory of its VMs are read
/// together, so that memory which a VM takes between two readings does not seem to be lost.
/// </summary>
public interface IHostMonitor
{
    /// <summary>
    /// The present boot of the host, as handles of VMs name it (<see cref="VmHandle.BootId"/>): no process of another boot can be alive.
    /// Null where it is not known.
    /// </summary>
    string? BootId { get; }

    /// <param name="vms">The VMs whose processes are read as well.</param>
    /// <exception cref="HypervisorException">The host can't be read; the message says what was looked for.</exception>
    Task<HostReading> LookAsync(IReadOnlyCollection<VmHandle> vms, CancellationToken cancellation);
}
