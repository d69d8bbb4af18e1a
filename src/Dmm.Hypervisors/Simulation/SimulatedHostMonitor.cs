using System.Collections.Immutable;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Simulation;

/// <summary>
/// The host of simulated VMs. It is simulated like them, so that nothing of the real machine shows. Everything else that happens on it
/// (other programs, memory that is taken away, pressure) is set from outside.
/// </summary>
public sealed class SimulatedHostMonitor(SimulatedHypervisor hypervisor, MemorySize total) : IHostMonitor
{
    public MemorySize Total { get; set; } = total;

    /// <summary>Memory that programs other than VMs hold.</summary>
    public MemorySize OthersHold { get; set; }

    public HostStall Stall { get; set; } = new(0, 0);

    /// <summary>The limit of the control group that contains the daemon and all its VMs; null for none.</summary>
    public MemorySize? GroupLimit { get; set; }

    /// <summary>VMs that run and can't be read.</summary>
    public HashSet<VmId> Hidden { get; } = [];

    /// <summary>While set, reading the host fails with this message.</summary>
    public string? Fault { get; set; }

    /// <summary>The boot of this simulated host. If it differs from the one in the VMs' handles, the host has restarted.</summary>
    public string? BootId { get; set; }

    public Task<HostReading> LookAsync(IReadOnlyCollection<VmHandle> vms, CancellationToken cancellation)
    {
        if (Fault is { } fault)
            throw new HypervisorException(fault);
        var asked = hypervisor.Running(vms).ToHashSet();
        var (held, known) = (MemorySize.Zero, ImmutableDictionary.CreateBuilder<VmId, HeldMemory>());
        foreach (var (id, resident) in hypervisor.Resident())
        {
            held += resident.Size;
            if (asked.Contains(id) && !Hidden.Contains(id))
                known.Add(id, resident);
        }

        return Task.FromResult(new HostReading(Total, Total.MinusOrZero(OthersHold + held), hypervisor.Now)
        {
            Resident = known.ToImmutable(),
            Gone = [.. vms.Select(vm => vm.Id).Where(id => !asked.Contains(id))],
            Hidden = [.. asked.Where(id => !known.ContainsKey(id))],
            Stall = Stall,
            Groups = GroupLimit is { } limit ? [new("/simulated", limit, limit.MinusOrZero(held), [.. known.Keys])] : [],
        });
    }
}
