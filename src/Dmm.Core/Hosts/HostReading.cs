using System.Collections.Immutable;
using Dmm.Core.Memory;

namespace Dmm.Core.Hosts;

/// <summary>The host's memory at one moment.</summary>
/// <param name="Total">All memory of the host (Linux: MemTotal).</param>
/// <param name="Available">
/// Memory that could be had now without swapping (Linux: MemAvailable, which includes page cache that can be dropped). Source: Linux,
/// Documentation/filesystems/proc.rst.
/// </param>
/// <param name="Began">When the look began, on the host's monotonic clock.</param>
public sealed record HostReading(MemorySize Total, MemorySize Available, Moment Began)
{
    /// <summary>
    /// The memory that each running VM's process holds, which is not in <see cref="Available"/>. A VM that is neither here nor in
    /// <see cref="Gone"/> or <see cref="Hidden"/> was not asked for: it did not exist yet when the look began.
    /// </summary>
    public ImmutableDictionary<VmId, HeldMemory> Resident { get; init; } = ImmutableDictionary<VmId, HeldMemory>.Empty;

    /// <summary>
    /// Memory that counts more than once in <see cref="Resident"/>: pages that the host has merged (Linux: KSM) are one page, and in the
    /// resident memory of each process that maps them.
    /// </summary>
    public MemorySize Merged { get; init; }

    /// <summary>
    /// VMs that were seen to be gone: there is no such process, or another process has its pid, or only a zombie is left.
    /// </summary>
    public ImmutableHashSet<VmId> Gone { get; init; } = [];

    /// <summary>VMs that could not be looked at: nothing is known of them, and none of them counts as ended.</summary>
    public ImmutableHashSet<VmId> Hidden { get; init; } = [];

    /// <summary>Control groups with a limit to which the VMs belong that are launched here.</summary>
    public ImmutableArray<GroupSight> Groups { get; init; } = [];

    /// <summary>Null where the kernel does not report it (PSI off).</summary>
    public HostStall? Stall { get; init; }
}

/// <summary>A control group with a limit: a process that runs into it is killed, or slowed down to a crawl.</summary>
/// <param name="Name">Its path below the hierarchy's root.</param>
/// <param name="Available">The memory left below the limit, including page cache that can be dropped.</param>
/// <param name="Members">The VMs whose processes are in it or below it.</param>
public sealed record GroupSight(string Name, MemorySize Limit, MemorySize Available, ImmutableHashSet<VmId> Members);

/// <summary>
/// The part of the last ten seconds in which some task (Some), or all tasks with work (Full), stalled on memory. Source: Linux,
/// Documentation/accounting/psi.rst.
/// </summary>
/// <param name="Some">0 to 1.</param>
/// <param name="Full">0 to 1.</param>
public sealed record HostStall(double Some, double Full);
