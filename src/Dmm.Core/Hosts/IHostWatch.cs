using System.Collections.Immutable;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// The port through which the actors see the host itself, as <see cref="IHypervisor"/> is the one to its VMs. It stands in Core for the same
/// reason, and holds no I/O of its own. What a watch tells is of one moment: the host's memory and what its VMs have resident are read together, so that
/// memory which a VM takes while nobody looks does not seem to be lost.
/// </summary>
public interface IHostWatch
{
    /// <summary>
    /// Which boot of the host this is, as handles of VMs name it (<see cref="VmHandle.BootId"/>): no process of another one can live. Null where it can't be told.
    /// </summary>
    string? BootId { get; }

    /// <param name="vms">Those whose processes are looked at as well.</param>
    /// <exception cref="HypervisorException">The host does not tell; the message says what was looked for.</exception>
    Task<HostSight> LookAsync(IReadOnlyCollection<VmHandle> vms, CancellationToken cancellation);
}

/// <summary>The host's memory at one moment.</summary>
/// <param name="Total">All that the host has (Linux: MemTotal).</param>
/// <param name="Available">
/// What could be had now without swapping (Linux: MemAvailable, which counts page cache that can be dropped). Source: Linux,
/// Documentation/filesystems/proc.rst.
/// </param>
public sealed record HostSight(MemorySize Total, MemorySize Available)
{
    /// <summary>
    /// What VMs that run have in their hands and is not in <see cref="Available"/>. One that stands neither here nor in <see cref="Gone"/> or
    /// <see cref="Hidden"/> was not asked for: it was not there yet when the look began.
    /// </summary>
    public ImmutableDictionary<VmId, MemorySize> Resident { get; init; } = ImmutableDictionary<VmId, MemorySize>.Empty;

    /// <summary>VMs that were seen to be gone: there is no such process, or another has its pid, or only its husk is left.</summary>
    public ImmutableHashSet<VmId> Gone { get; init; } = [];

    /// <summary>VMs that could not be looked at: nothing is known of them, and nothing of them ends.</summary>
    public ImmutableHashSet<VmId> Hidden { get; init; } = [];

    /// <summary>Limited control groups in which this daemon stands, and with it the VMs that it launches.</summary>
    public ImmutableArray<GroupSight> Groups { get; init; } = [];

    /// <summary>Null where the kernel does not tell (PSI off).</summary>
    public HostStall? Stall { get; init; }
}

/// <summary>A control group with a limit: a process that runs into it is killed.</summary>
/// <param name="Name">Its path below the hierarchy's root.</param>
/// <param name="Available">What is left below the limit, page cache that can be dropped included.</param>
/// <param name="Members">VMs whose processes stand in it or below it.</param>
public sealed record GroupSight(string Name, MemorySize Limit, MemorySize Available, ImmutableHashSet<VmId> Members);

/// <summary>Part of the last ten seconds in which some task, or all that had work, stalled for memory. Source: Linux, Documentation/accounting/psi.rst.</summary>
/// <param name="Some">0 to 1.</param>
/// <param name="Full">0 to 1.</param>
public sealed record HostStall(double Some, double Full);
