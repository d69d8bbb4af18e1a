using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Core.Ports;

/// <summary>
/// The port through which the actors see the host itself, as <see cref="IHypervisor"/> is the one to its VMs. It stands in Core for the
/// same reason, and holds no I/O of its own. What a watch tells is of one moment: the host's memory and what its VMs have resident are read
/// together, so that memory which a VM takes while nobody looks does not seem to be lost.
/// </summary>
public interface IHostMonitor
{
    /// <summary>
    /// Which boot of the host this is, as handles of VMs name it (<see cref="VmHandle.BootId"/>): no process of another one can live. Null
    /// where it can't be told.
    /// </summary>
    string? BootId { get; }

    /// <param name="vms">Those whose processes are looked at as well.</param>
    /// <exception cref="HypervisorException">The host does not tell; the message says what was looked for.</exception>
    Task<HostReading> LookAsync(IReadOnlyCollection<VmHandle> vms, CancellationToken cancellation);
}
