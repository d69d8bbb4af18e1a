using Dmm.Core.Vms;

namespace Dmm.Core.Memory;

/// <summary>
/// The one rule of guarantees: all mins fit together, with the overhead of each VM. It is checked whenever a min is added or rises: a VM is
/// created, starts again, is adopted, or gets another policy. A VM that gives nothing back counts with what it holds, because it does not
/// come down to its min. Pure.
/// </summary>
public static class Guarantees
{
    /// <summary>
    /// The room for one more VM with every peer at its min: host memory less the reserve, reservations, the memory of VMs let go, and Σ
    /// (min + overhead). A claim without a policy belongs to a launch and counts whole.
    /// </summary>
    public static MemorySize Room(Ledger ledger, IReadOnlyDictionary<VmId, VmPolicy> policies) =>
        ledger.HostMemory.MinusOrZero(ledger.Fixed + Of(ledger, policies));

    /// <summary>
    /// The memory that this host lacks to guarantee all mins together, if <paramref name="vm"/> is guaranteed <paramref name="min"/>.
    /// </summary>
    /// <param name="ledger">With the VM's claim if it runs, otherwise without.</param>
    /// <param name="overhead">Its overhead, where it has no claim yet.</param>
    public static MemorySize Missing(
        Ledger ledger, IReadOnlyDictionary<VmId, VmPolicy> policies, VmId vm, MemorySize min, MemorySize overhead)
    {
        var others = ledger.Fixed + Of(ledger.Release(vm), policies);
        var own = ledger.Claims.TryGetValue(vm, out var claim) ? claim.AtLeast(min) : min + overhead;
        return (others + own).MinusOrZero(ledger.HostMemory);
    }

    /// <summary>Names the peers that hold memory that they do not give back; empty where none does.</summary>
    public static string Keepers(Ledger ledger)
    {
        const int Named = 3;
        var keepers = ledger.Claims.Where(c => !c.Value.Kept.IsZero).OrderByDescending(c => c.Value.Kept).ThenBy(c => c.Key).ToList();
        if (keepers.Count == 0)
            return "";
        var more = keepers.Count > Named ? $" and {keepers.Count - Named} more VMs" : "";
        return $"; {string.Join(", ", keepers.Take(Named).Select(c => $"{c.Key} holds {c.Value.Kept} that it gave and the host did "
            + $"not get back"))}{more}";
    }

    private static MemorySize Of(Ledger ledger, IReadOnlyDictionary<VmId, VmPolicy> policies)
    {
        var sum = MemorySize.Zero;
        foreach (var (vm, claim) in ledger.Claims)
            sum += policies.TryGetValue(vm, out var policy) ? claim.AtLeast(policy.Min) : claim.AtLeast(claim.Granted);
        return sum;
    }
}
