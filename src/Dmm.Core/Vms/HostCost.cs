namespace Dmm.Core.Vms;

/// <summary>What a VM's process takes of its host.</summary>
/// <param name="Overhead">
/// What it has resident beside its guest's memory, page tables included; null where that can't be told apart.
/// </param>
/// <param name="Resident">All that it has resident, guest's memory included.</param>
/// <param name="Limit">
/// The most that the process can have resident before a control group's limit (<c>memory.max</c> of its own or of a group above it) has it
/// killed; null where nothing limits it. Source: Linux, Documentation/admin-guide/cgroup-v2.rst.
/// </param>
public sealed record HostCost(MemorySize? Overhead, MemorySize Resident, MemorySize? Limit);
