using Dmm.Core.Memory;

namespace Dmm.Core.Hosts;

/// <summary>How much memory DMM can really count on, and what keeps it below the setting.</summary>
/// <param name="Memory">The host reserve included, as in <see cref="Ledger.HostMemory"/>.</param>
/// <param name="Why">Null where it is all that was set.</param>
public sealed record HostCapacity(MemorySize Memory, string? Why)
{
    /// <summary>
    /// The least of what was set, what the host has, and what is really there for VMs:
    /// <code>Σ resident + available − margin ≥ Σ claim + Σ reservation</code>
    /// What VMs have in their hands is theirs, as far as they claim it: what a process holds beyond its claim is there for nobody else.
    /// What is available can still be handed out, and swap is no memory. The ledger takes the host reserve off
    /// <see cref="Ledger.HostMemory"/>, and what the host itself uses is missing in what is available already: so the reserve is added
    /// here, or it would be taken off twice. As long as all that is not a VM's stays within the reserve (less the margin), the setting
    /// stands.
    /// </summary>
    /// <param name="configured">dmm.host.memory.</param>
    /// <param name="margin">Available memory that is never counted on.</param>
    public static HostCapacity Of(HostReading sight, Ledger ledger, MemorySize configured, MemorySize margin)
    {
        var least = new HostCapacity(configured, null);
        least = least.Or(sight.Total, () => $"the host has {sight.Total} in all");

        // A VM that is being launched counts with all that was set aside for it: it may have taken that already.
        var resident = ledger.Reserved;
        foreach (var (vm, claim) in ledger.Claims)
            resident += Held(vm, claim.Size, claim.Resident);
        foreach (var (vm, most) in ledger.LetGo)
            resident += Held(vm, most);
        var there = ledger.HostReserve + (resident + sight.Available).MinusOrZero(margin);
        least = least.Or(
            there, () =>
                $"others than its VMs hold {sight.Total.MinusOrZero(resident + sight.Available)} of the host, and dmm.host.reserve "
                + $"is {ledger.HostReserve}");

        foreach (var group in sight.Groups)
        {
            least = least.Or(group.Limit, () => $"control group {group.Name} is limited to {group.Limit}");
            // VMs outside the group (adopted ones) don't weigh on it: whatever they claim comes on top.
            var (inside, outside) = (ledger.Reserved, MemorySize.Zero);
            foreach (var (vm, claim) in ledger.Claims)
                Weigh(vm, claim.Size, Held(vm, claim.Size, claim.Resident));
            foreach (var (vm, most) in ledger.LetGo)
                Weigh(vm, most, Held(vm, most));
            var room = ledger.HostReserve + outside + (inside + group.Available).MinusOrZero(margin);
            least = least.Or(room, () => $"control group {group.Name}, limited to {group.Limit}, has {group.Available} left");

            void Weigh(VmId vm, MemorySize most, MemorySize held)
            {
                if (group.Members.Contains(vm))
                    inside += held;
                else
                    outside += most;
            }
        }

        return least;

        // Never more than it claims: what it takes beyond that, by whosever hand, is as another program's, and no peer can be promised it.
        // One that could not be looked at counts with what was seen last, or else with its claim, which it may have taken: what is counted
        // on in all stays within what the host has. So one process that can't be read makes no deficit. One that was not asked for was
        // being launched when the look began, and counts as such: with all of its claim. What itself has told since is older or newer than
        // the look, nobody knows which, and a guest that boots takes memory fast.
        MemorySize Held(VmId vm, MemorySize most, MemorySize last = default) =>
            sight.Gone.Contains(vm) ? MemorySize.Zero
            : sight.Resident.TryGetValue(vm, out var size) ? MemorySize.Min(size, most)
            : sight.Hidden.Contains(vm) && !last.IsZero ? MemorySize.Min(last, most)
            : most;
    }

    private HostCapacity Or(MemorySize other, Func<string> why) => other < Memory ? new(other, why()) : this;
}
