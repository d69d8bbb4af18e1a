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
public sealed record VmBounds(MemorySize Claim, MemorySize Most, MemorySize Guarantee)
{
    /// <summary>
    /// What a process may hold beyond its VM's claim before it is slowed down: the kernel's own memory for it, the file cache of its disks,
    /// and the little that an overhead grows between two measurements.
    /// </summary>
    public static readonly MemorySize Slack = MemorySize.FromMiB(32);

    /// <summary>
    /// A process that is killed is lost, so that bound is far out: it is for a hypervisor that leaks or a guest that broke out of its
    /// bounds altogether, and is a part of the most that the VM can have, at least <see cref="LeastSpare"/>.
    /// </summary>
    private const double SpareShare = 1.0 / 16;

    private static readonly MemorySize LeastSpare = MemorySize.FromMiB(256);

    /// <summary>Smaller differences are not worth a write.</summary>
    private static readonly MemorySize Step = MemorySize.FromMiB(4);

    /// <param name="ceiling">The most that the VM can become from what its devices were told.</param>
    /// <param name="target">What it was told to become.</param>
    /// <param name="max">The most that DMM ever gives it.</param>
    /// <param name="overhead">What its process is expected to hold beside its guest's memory.</param>
    /// <param name="guarantee">Its min; zero where the kernel is not to guarantee it.</param>
    public static VmBounds Of(MemorySize ceiling, MemorySize target, MemorySize max, MemorySize overhead, MemorySize guarantee)
    {
        var now = MemorySize.Max(ceiling, target);
        var claim = (now + overhead + Slack).RoundUp(Step);
        var most = MemorySize.Max(now, max) + overhead;
        return new(claim, (most + Slack + MemorySize.Max(LeastSpare, most.Scale(SpareShare))).RoundUp(Step),
            guarantee.IsZero ? MemorySize.Zero : guarantee + overhead);
    }

    /// <summary>Whether a process under the other bounds could be held below these: then these are set before it may grow.</summary>
    public bool Exceeds(VmBounds? other) => other is null || Claim > other.Claim || Most > other.Most;
}
