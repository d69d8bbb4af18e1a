using Dmm.Core.Memory;

namespace Dmm.Core.Hosts;

/// <summary>How much memory DMM can really count on, and why that is less than the setting.</summary>
/// <param name="Memory">Includes the host reserve, as in <see cref="Ledger.HostMemory"/>.</param>
/// <param name="Why">Null where it is all that the setting says.</param>
public sealed record HostCapacity(MemorySize Memory, string? Why)
{
    /// <summary>
    /// The least of the setting, the host's memory, and what is really there for VMs:
    /// <code>Σ resident − merged + available − margin ≥ Σ claim + Σ reservation</code>
    /// Memory that VMs hold is theirs up to their claims; memory that a process holds beyond its claim is there for nobody else. Available
    /// memory can still be handed out; swap does not count as memory. Pages that the host has merged are there once, however many VMs hold
    /// them. The ledger subtracts the host reserve from
    /// <see cref="Ledger.HostMemory"/>, and memory that the host itself uses is already missing from the available memory. So the reserve
    /// is added here; otherwise it would be subtracted twice. While all memory that is not a VM's stays within the reserve (less the
    /// margin), the setting stands.
    /// </summary>
    /// <param name="configured">The setting <c>dmm.host.memory</c>.</param>
    /// <param name="margin">Available memory that is never counted on.</param>
    /// <param name="launching">The part of the reservations whose launch has begun: a process may hold that.</param>
    public static HostCapacity Of(HostReading sight, Ledger ledger, MemorySize configured, MemorySize margin, MemorySize launching)
    {
        var least = new HostCapacity(configured, null);
        least = least.Or(sight.Total, () => $"the host has {sight.Total} in total");

        // A VM that is being launched counts with all that was set aside for it, because it may have taken that already. What is set aside
        // for others is still available.
        var resident = launching;
        foreach (var (vm, claim) in ledger.Claims)
            resident += Held(vm, claim.Size, claim.Resident);
        foreach (var (vm, most) in ledger.LetGo)
            resident += Held(vm, most);
        resident = resident.MinusOrZero(sight.Merged);
        var there = ledger.HostReserve + (resident + sight.Available).MinusOrZero(margin);
        least = least.Or(
            there, () =>
                $"programs other than its VMs hold {sight.Total.MinusOrZero(resident + sight.Available)} of the host's memory, "
                + $"and dmm.host.reserve is {ledger.HostReserve}");

        foreach (var group in sight.Groups)
        {
            least = least.Or(group.Limit, () => $"control group {group.Name} is limited to {group.Limit}");
            // VMs outside the group (adopted ones) don't use its memory: their claims come on top.
            var (inside, outside) = (launching, MemorySize.Zero);
            foreach (var (vm, claim) in ledger.Claims)
                Weigh(vm, claim.Size, Held(vm, claim.Size, claim.Resident));
            foreach (var (vm, most) in ledger.LetGo)
                Weigh(vm, most, Held(vm, most));
            // Which VMs' pages were merged is not known: all of them may be in the group.
            inside = inside.MinusOrZero(sight.Merged);
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

        // Returns the memory of a VM that counts as held, never more than its claim. Memory that a process takes beyond its claim is like
        // that of any other program: no peer can be promised it. A VM that could not be looked at counts with what was last seen, or else
        // with its claim, which it may have taken; so one process that can't be read makes no deficit, and the total stays within what the
        // host has. A VM that the look did not ask for was being launched when the look began, and counts with its whole claim. Its own
        // later reports are not used: they may be older or newer than the look, and a guest that boots takes memory fast.
        MemorySize Held(VmId vm, MemorySize most, MemorySize last = default) =>
            sight.Gone.Contains(vm) ? MemorySize.Zero
            : sight.Resident.TryGetValue(vm, out var read) ? MemorySize.Min(read.Size, most)
            : sight.Hidden.Contains(vm) && !last.IsZero ? MemorySize.Min(last, most)
            : most;
    }

    private HostCapacity Or(MemorySize other, Func<string> why) => other < Memory ? new(other, why()) : this;
}
