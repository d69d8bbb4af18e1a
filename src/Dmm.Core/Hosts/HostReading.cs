using System.Collections.Immutable;

namespace Dmm.Core.Hosts;

/// <summary>The host's memory at one moment.</summary>
/// <param name="Total">All that the host has (Linux: MemTotal).</param>
/// <param name="Available">
/// What could be had now without swapping (Linux: MemAvailable, which counts page cache that can be dropped). Source: Linux,
/// Documentation/filesystems/proc.rst.
/// </param>
public sealed record HostReading(MemorySize Total, MemorySize Available)
{
    /// <summary>
    /// What VMs that run have in their hands and is not in <see cref="Available"/>. One that stands neither here nor in <see cref="Gone"/>
    /// or <see cref="Hidden"/> was not asked for: it was not there yet when the look began.
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

/// <summary>
/// Part of the last ten seconds in which some task, or all that had work, stalled for memory. Source: Linux,
/// Documentation/accounting/psi.rst.
/// </summary>
/// <param name="Some">0 to 1.</param>
/// <param name="Full">0 to 1.</param>
public sealed record HostStall(double Some, double Full);
