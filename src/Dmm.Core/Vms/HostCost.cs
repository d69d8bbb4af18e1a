namespace Dmm.Core.Vms;

/// <summary>The memory that a VM's process takes from its host.</summary>
/// <param name="Overhead">Resident memory beside the guest's memory, page tables included; null where the two can't be told apart.</param>
/// <param name="Resident">All resident memory, the guest's included.</param>
/// <param name="Limit">
/// The most resident memory that the process can have before a control group's limit (<c>memory.max</c> or <c>memory.high</c> of its own
/// group or of one above it, but not of a group that DMM made for it) gets it killed or slowed to a crawl; null where nothing limits it.
/// Source: Linux, Documentation/admin-guide/cgroup-v2.rst.
/// </param>
public sealed record HostCost(MemorySize? Overhead, MemorySize Resident, MemorySize? Limit);
