using Dmm.Core.Vms;

namespace Dmm.Core.Ports;

/// <summary>
/// Finds the running VMs that a driver launched, without being told of them: for a daemon that has lost its journal. Implemented beside
/// <see cref="IHypervisor"/>.
/// </summary>
public interface IInventory
{
    /// <summary>The running VMs that DMM launched from its state folder; looks at files and processes alone.</summary>
    IReadOnlyList<VmId> Running();

    /// <summary>Returns how one of these VMs is reached.</summary>
    /// <exception cref="HypervisorException">The VM can't be reached, or no longer runs.</exception>
    Task<VmHandle> TakeStockAsync(VmId id, CancellationToken cancellation);
}
