using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Admission;

/// <summary>
/// Tells whether there can ever be room for a new VM as things stand. The guarantees of all VMs always fit into the host together.
/// </summary>
public static class AdmissionRules
{
    /// <summary>The room that <see cref="Guarantees.Room"/> leaves for a new VM.</summary>
    public static MemorySize Room(Ledger ledger, IReadOnlyDictionary<VmId, VmPolicy> policies) => Guarantees.Room(ledger, policies);

    /// <summary>
    /// Says why there can't be room for a VM, with figures and the least change that would help; null where there can be.
    /// </summary>
    /// <param name="room">The result of <see cref="Room"/>.</param>
    /// <param name="mins">The sum of the mins of all peers: lower mins can free no more than that.</param>
    public static string? Never(VmSpec spec, MemorySize overhead, MemorySize imageNeeds, MemorySize room, MemorySize mins)
    {
        var (vm, least) = (spec.Id, AdmissionRecord.LeastBoot(spec, imageNeeds));
        if (least + overhead <= room)
            return null;
        var lacking = (least + overhead).MinusOrZero(room);
        var needs = least < spec.Boot ? $"{vm} needs at least {least} to boot early" : $"{vm} needs {spec.Boot} to boot";
        var boot = room.MinusOrZero(overhead).RoundDown(MemorySize.FromMiB(2));
        var lowest = MemorySize.Max(spec.Policy.Min, imageNeeds);
        var would = boot.IsZero || boot < imageNeeds ? ""
            : boot >= lowest && spec.BootPolicy == BootPolicy.Full ? $"a boot of at most {boot}, or the boot policy early, would fit; or "
            : boot >= spec.Policy.Min ? $"a boot of at most {boot} would fit; or "
            : $"a min and a boot of at most {boot} would fit; or ";
        return $"{needs} and about {overhead} of overhead; with every peer at its min this host has room "
            + $"for {room}: {would}{(lacking <= mins ? $"its peers' mins must be {lacking} less, or the host must have "
            + $"that much more" : $"the host must have {lacking} more")}";
    }
}
