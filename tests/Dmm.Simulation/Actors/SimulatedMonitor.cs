using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Simulation.Actors;

/// <summary>
/// The host itself, as the daemon's monitor sees it: the memory that its VMs' processes hold, and the memory that other programs took
/// although the ledger counted on it (<see cref="ActorWorld.OthersHold"/>).
/// </summary>
/// <param name="memory">dmm.host.memory.</param>
internal sealed class SimulatedMonitor(ActorWorld world, MemorySize memory) : IHostMonitor
{
    /// <summary>The memory that the host has beyond dmm.host.memory: the margin that is never counted on.</summary>
    public static readonly MemorySize Spare = MemorySize.FromMiB(512);

    public string? BootId => world.BootId;

    public Task<HostReading> LookAsync(IReadOnlyCollection<VmHandle> vms, CancellationToken cancellation)
    {
        if (world.Unseen() is { } why)
            return Task.FromException<HostReading>(new HypervisorException(why));
        return Task.FromResult(world.Sight(vms, memory + Spare));
    }
}
