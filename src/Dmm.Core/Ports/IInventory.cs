using Dmm.Core.Vms;

namespace Dmm.Core.Ports;

/// <summary>
/// What a driver finds running of the VMs that it launched, without anybody having told it of them: for a daemon that has lost its journal.
/// Implemented beside <see cref="IHypervisor"/>.
/// </summary>
public interface IInventory
{
    /// <summary>The VMs that DMM launched from its state folder and that run; looks at files and processes alone.</summary>
    IReadOnlyList<VmId> Running();

    /// <summary>How one of them is reached.</summary>
    /// <exception cref="HypervisorException">It can't be reached, or no longer runs.</exception>
    Task<VmHandle> TakeStockAsync(VmId id, CancellationToken cancellation);
}
