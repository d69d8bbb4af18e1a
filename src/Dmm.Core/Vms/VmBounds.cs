namespace Dmm.Core.Vms;

/// <summary>
/// The bounds that the host itself puts on the memory of a VM's process, its guest's memory and the hypervisor's own. Source: Linux,
/// Documentation/admin-guide/cgroup-v2.rst.
/// </summary>
/// <param name="Claim">
/// What is claimed for the VM now (<c>memory.high</c>): beyond it the process is slowed down and its pages are reclaimed.
/// </param>
/// <param name="Most">The most that it may ever hold (<c>memory.max</c>): beyond it the process is killed. Never below the claim.</param>
/// <param name="Guarantee">What the kernel leaves it whatever others need (<c>memory.min</c>); zero for none.</param>
public sealed record VmBounds(MemorySize Claim, MemorySize Most, MemorySize Guarantee);
