using System.Collections.Immutable;

namespace Dmm.Core.Memory;

/// <summary>
/// What one VM takes of the host: the larger of what it has and what it was promised, and what the hypervisor needs beside that; and never
/// less than what its process really holds. What a VM has is its guest's own word (a balloon's figure is written by the guest's driver):
/// memory is back when the host has it back.
/// </summary>
public sealed record Claim(MemorySize Actual, MemorySize Granted, MemorySize Overhead)
{
    /// <summary>
    /// So much more than it has a process may hold before that is held against the VM: the kernel counts a process's pages roughly, and
    /// overhead is measured now and then. Claimed it is all the same.
    /// </summary>
    public static readonly MemorySize Tolerance = MemorySize.FromMiB(16);

    /// <summary>What its process held when it was last looked at; zero where nobody could look yet.</summary>
    public MemorySize Resident { get; init; }

    /// <summary>
    /// Of a VM whose process nobody can look at: what it claimed before it said that it has less, until a look at the host bears that out.
    /// </summary>
    public MemorySize Unproven { get; init; }

    /// <summary>What would be claimed if all that the VM says is true.</summary>
    public MemorySize Nominal => MemorySize.Max(Actual, Granted) + Overhead;

    /// <summary>
    /// What its process holds beyond that where it is worth a word: memory that its host never got back. Zero within the tolerance.
    /// </summary>
    public MemorySize Kept => Resident > Nominal + Tolerance ? Resident - Nominal : MemorySize.Zero;

    public MemorySize Size => MemorySize.Max(MemorySize.Max(Nominal, Resident), Unproven);

    /// <summary>What it claims beside the larger of what it has and what it was promised.</summary>
    public MemorySize Beside => Size - MemorySize.Max(Actual, Granted);

    /// <summary>What can be promised to it or to others is another; what its process holds within that does not matter.</summary>
    public bool Differs(Claim other) => (Actual, Granted, Overhead, Size) != (other.Actual, other.Granted, other.Overhead, other.Size);

    /// <summary>What it would still claim at its min: one that gives nothing back does not come down to that.</summary>
    public MemorySize AtLeast(MemorySize min) => Kept.IsZero ? min + Overhead : MemorySize.Max(min + Overhead, Size);
}

/// <summary>
/// The host's book of promises. Its one invariant (docs/develop/architecture.md):
/// <c>Σ claim + Σ reservation + host reserve ≤ host memory</c>. What was let go of and still runs counts among the claims.
/// Every change that DMM itself makes is refused where it would break that; only the world may break it
/// (<see cref="Observe(VmId, MemorySize, MemorySize)"/>, <see cref="See"/>, <see cref="TakeIn"/>, <see cref="Follow"/>), and then
/// <see cref="Deficit"/> says by how much. Immutable: a change is a new ledger.
/// </summary>
public sealed record Ledger
{
    public Ledger(MemorySize hostMemory, MemorySize hostReserve) => (HostMemory, HostReserve) = (hostMemory, hostReserve);

    /// <summary>What can be counted on, the host reserve included. The world may change it (<see cref="Follow"/>).</summary>
    public MemorySize HostMemory { get; private init; }

    public MemorySize HostReserve { get; }

    public ImmutableSortedDictionary<VmId, Claim> Claims { get; private init; } = ImmutableSortedDictionary<VmId, Claim>.Empty;

    /// <summary>Memory set aside for VMs that are about to be created, their overhead included.</summary>
    public ImmutableSortedDictionary<VmId, MemorySize> Reservations { get; private init; } = ImmutableSortedDictionary<VmId,
        MemorySize>.Empty;

    /// <summary>What VMs that were let go of could take then: as long as their processes run nobody else can be promised it.</summary>
    public ImmutableSortedDictionary<VmId, MemorySize> LetGo { get; private init; } = ImmutableSortedDictionary<VmId, MemorySize>.Empty;

    public MemorySize Claimed { get; private init; }

    public MemorySize Reserved { get; private init; }

    /// <summary>The sum of <see cref="LetGo"/>.</summary>
    public MemorySize Loose { get; private init; }

    /// <summary>What no shrink of a VM can free: set aside, or held by those that were let go of, or the host's own.</summary>
    public MemorySize Fixed => Reserved + Loose + HostReserve;

    public MemorySize Committed => Claimed + Fixed;

    /// <summary>What can still be promised; zero in a deficit.</summary>
    public MemorySize Free => HostMemory.MinusOrZero(Committed);

    /// <summary>How far the world has broken the invariant; zero where it holds.</summary>
    public MemorySize Deficit => Committed.MinusOrZero(HostMemory);

    /// <summary>Promises <paramref name="granted"/> to a VM. Refused (null) where a raise is more than what is free.</summary>
    /// <remarks>A promise below what the VM has keeps the claim whole: it is the confirmed actual that frees memory.</remarks>
    /// <exception cref="KeyNotFoundException">The VM has no claim.</exception>
    public Ledger? Grant(VmId vm, MemorySize granted)
    {
        var before = Claims[vm];
        var after = before with { Granted = granted };
        return after.Size.MinusOrZero(before.Size) > Free ? null : With(vm, after);
    }

    /// <summary>Takes note of what a VM has and costs now. The world is never refused.</summary>
    public Ledger Observe(VmId vm, MemorySize actual, MemorySize overhead) =>
        Claims.TryGetValue(vm, out var claim) ? With(vm, claim with { Actual = actual, Overhead = overhead }) : this;

    /// <summary>The same, with what the VM's process held at that moment.</summary>
    /// <param name="resident">Null: nobody looked.</param>
    /// <param name="looks">
    /// The host itself is looked at. Then one whose process nobody can look at goes on claiming what it did when it says that it has less,
    /// until the next look (<see cref="See"/>): what is available then bears it out, or does not.
    /// </param>
    public Ledger Observe(VmId vm, MemorySize actual, MemorySize overhead, MemorySize? resident, bool looks)
    {
        if (!Claims.TryGetValue(vm, out var before))
            return this;
        var after = before with { Actual = actual, Overhead = overhead, Resident = resident ?? before.Resident };
        return With(vm, resident is null && before.Resident.IsZero && looks && actual < before.Actual
            ? after with { Unproven = before.Size } : after);
    }

    /// <summary>Takes note of what a VM's process holds now. The world is never refused.</summary>
    public Ledger Holds(VmId vm, MemorySize resident) =>
        Claims.TryGetValue(vm, out var claim) ? With(vm, claim with { Resident = resident }) : this;

    /// <summary>
    /// Takes note of a look at the host. What nobody could look at stands as it was seen last. The world is never refused.
    /// </summary>
    /// <param name="resident">What the VMs' processes hold.</param>
    /// <param name="heard">
    /// Who has told itself what its process holds since the look before, so that nobody knows which of both is the newer: the lesser
    /// counts, and the next look tells if that was wrong.
    /// </param>
    public Ledger See(IReadOnlyDictionary<VmId, MemorySize> resident, IReadOnlySet<VmId> heard)
    {
        var ledger = this;
        foreach (var (vm, claim) in Claims)
        {
            var held = !resident.TryGetValue(vm, out var seen) ? claim.Resident
                : heard.Contains(vm) && !claim.Resident.IsZero ? MemorySize.Min(seen, claim.Resident)
                : seen;
            if (held != claim.Resident || !claim.Unproven.IsZero)
                ledger = ledger.With(vm, claim with { Resident = held, Unproven = MemorySize.Zero });
        }

        return ledger;
    }

    /// <summary>Takes note of what there is now. The world is never refused.</summary>
    public Ledger Follow(MemorySize hostMemory) => hostMemory == HostMemory ? this : this with { HostMemory = hostMemory };

    /// <summary>Takes in a VM that runs already (adopted). The world is never refused.</summary>
    public Ledger TakeIn(VmId vm, Claim claim) => With(vm, claim);

    /// <summary>Sets memory aside for a VM to come. Refused (null) where that is more than what is free.</summary>
    public Ledger? Reserve(VmId vm, MemorySize size)
    {
        var without = EndReservation(vm);
        return size > without.Free ? null : without.Keep(vm, size);
    }

    /// <summary>
    /// Restores a reservation without asking whether it fits: the host may have become smaller, and VMs that were let go of may not be
    /// known to be gone yet.
    /// </summary>
    public Ledger Keep(VmId vm, MemorySize size)
    {
        var without = EndReservation(vm);
        return without with { Reservations = without.Reservations.SetItem(vm, size), Reserved = without.Reserved + size };
    }

    /// <summary>Gives a reservation back; nothing happens where there is none.</summary>
    public Ledger EndReservation(VmId vm) =>
        Reservations.TryGetValue(vm, out var size)
            ? this with { Reservations = Reservations.Remove(vm), Reserved = Reserved - size }
            : this;

    /// <summary>Turns a reservation into the VM's claim in one step, so that its memory is never counted twice nor not at all.</summary>
    public Ledger Convert(VmId vm, Claim claim) => EndReservation(vm).With(vm, claim);

    /// <summary>The VM is governed no more and runs on: its claim ends, and what it could take stays taken.</summary>
    public Ledger LetGoOf(VmId vm, MemorySize size)
    {
        var without = Gone(vm).Release(vm);
        return without with { LetGo = without.LetGo.SetItem(vm, size), Loose = without.Loose + size };
    }

    /// <summary>One that was let go of does not run any more, or is governed again; nothing happens where there is none.</summary>
    public Ledger Gone(VmId vm) =>
        LetGo.TryGetValue(vm, out var size)
            ? this with { LetGo = LetGo.Remove(vm), Loose = Loose - size }
            : this;

    /// <summary>The VM is gone: its claim ends.</summary>
    public Ledger Release(VmId vm) =>
        Claims.TryGetValue(vm, out var claim)
            ? this with { Claims = Claims.Remove(vm), Claimed = Claimed - claim.Size }
            : this;

    private Ledger With(VmId vm, Claim claim)
    {
        var before = Claims.TryGetValue(vm, out var old) ? old.Size : MemorySize.Zero;
        return this with { Claims = Claims.SetItem(vm, claim), Claimed = Claimed - before + claim.Size };
    }
}
