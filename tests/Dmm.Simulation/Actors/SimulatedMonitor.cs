using System.Collections.Immutable;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Simulation.Actors;

/// <summary>
/// The host itself, as the daemon's monitor sees it: the memory that its VMs' processes hold, and the memory that other programs took
/// although the ledger counted on it (<see cref="World.OthersHold"/>).
/// </summary>
/// <param name="memory">dmm.host.memory.</param>
internal sealed class SimulatedMonitor(World world, MemorySize memory) : IHostMonitor
{
    /// <summary>The memory that the host has beyond dmm.host.memory: the margin that is never counted on.</summary>
    public static readonly MemorySize Spare = MemorySize.FromMiB(512);

    public string? BootId => world.BootId;

    public Task<HostReading> LookAsync(IReadOnlyCollection<VmHandle> vms, CancellationToken cancellation)
    {
        if (world.Unseen() is { } why)
            return Task.FromException<HostReading>(new HypervisorException(why));
        var held = world.Running.ToImmutableDictionary(vm => vm.Key, vm => vm.Value.Resident);
        var total = memory + Spare;
        var sum = held.Aggregate(world.OthersHold, static (sum, vm) => sum + vm.Value);
        VmId[] running = [.. vms.Where(vm => world.Find(vm.Id) is { } runs && runs.Handle.SameProcess(vm)).Select(vm => vm.Id)];
        VmId[] hidden = [.. running.Where(id => world.Find(id)!.Opaque || world.Hidden(id))];
        return Task.FromResult(new HostReading(total, total.MinusOrZero(sum))
        {
            Resident = running.Except(hidden).ToImmutableDictionary(id => id, id => held[id]),
            Gone = [.. vms.Select(vm => vm.Id).Except(running)],
            Hidden = [.. hidden],
        });
    }
}
