namespace Dmm.Core.Memory;

/// <summary>Explains with figures why the invariant does not hold. DMM's own changes never break it; only the world can.</summary>
public static class Deficits
{
    private const int Named = 3;

    /// <param name="configured">The setting <c>dmm.host.memory</c>.</param>
    /// <param name="why">The reason why the host's memory is below that.</param>
    /// <param name="expected">The overhead that was expected of each VM.</param>
    public static string Text(Ledger ledger, MemorySize configured, string? why, Func<VmId, MemorySize> expected)
    {
        List<string> causes = [];
        if (ledger.HostMemory < configured)
            causes.Add(
                $"DMM can count on {ledger.HostMemory} instead of dmm.host.memory {configured}{(why is null ? "" : $", since {why}")}");
        Add(causes, ledger, c => c.Value.Actual.MinusOrZero(c.Value.Granted + c.Value.Lease),
            (vm, size) => $"{vm} holds {size} more than it was granted");
        Add(causes, ledger, c => c.Value.Overhead.MinusOrZero(expected(c.Key)),
            (vm, size) => $"the hypervisor of {vm} needs {size} more than expected");
        Add(causes, ledger, c => c.Value.Resident.MinusOrZero(c.Value.Nominal),
            (vm, size) => $"the process of {vm} holds {size} more than it has and was granted, which the host did not get back");
        Add(causes, ledger, c => c.Value.Returnable,
            (vm, size) => $"the {size} in the balloon of {vm} count as its own, since its guest could take them back (dmm.vm.trust)");
        if (causes.Count == 0)
            causes.Add("more was promised than this host has now");
        return $"claims {ledger.Claimed}, {(ledger.Loose.IsZero ? "" : $"forgotten VMs {ledger.Loose}, ")}"
            + $"reservations {ledger.Reserved} and reserve {ledger.HostReserve} exceed the host's {ledger.HostMemory} by {ledger.Deficit}: "
            + $"{string.Join("; ", causes)}. Nothing is granted until they fit again";
    }

    private static void Add(
        List<string> causes, Ledger ledger, Func<KeyValuePair<VmId, Claim>, MemorySize> size, Func<VmId, MemorySize, string> text)
    {
        var found = ledger.Claims.Select(c => (Vm: c.Key, Size: size(c))).Where(c => !c.Size.IsZero).OrderByDescending(c => c.Size)
            .ToList();
        causes.AddRange(found.Take(Named).Select(c => text(c.Vm, c.Size)));
        if (found.Count > Named)
            causes.Add($"and {found.Count - Named} more VMs likewise");
    }
}
