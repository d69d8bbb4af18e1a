using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>The bound that the control group of a VM's process puts on the VM: beyond it the process would be killed.</summary>
public static class VmLimit
{
    /// <summary>
    /// Returns the most that the VM may be given: limit less overhead. It is never below what the VM holds: a limit bounds growth but takes
    /// nothing away, because the group's limit says nothing about what the guest can spare.
    /// </summary>
    /// <returns>Null where nothing limits it.</returns>
    public static MemorySize? Most(HostCost? cost, Claim claim) =>
        cost?.Limit is { } limit ? MemorySize.Max(limit.MinusOrZero(claim.Overhead), claim.Held) : null;

    /// <summary>A warning for people; null where nothing limits the VM below its max.</summary>
    public static string? Warning(HostCost? cost, Claim claim, MemorySize max) =>
        cost?.Limit is { } limit && Most(cost, claim) is { } most && most < max
            ? $"its control group leaves {limit} for its process: with {claim.Overhead} of overhead "
            + $"it is given {most} at most, not its max {max}; raise the group's memory.max"
            : null;
}
