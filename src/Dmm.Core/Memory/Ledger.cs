using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Memory;

/// <summary>
/// The part of the host's memory that one VM takes: the larger of what it has and what it was promised, plus the hypervisor's overhead;
/// never less than what its process really holds. What a VM has is only its guest's word (the guest's driver writes the balloon's figure):
/// memory is back only when the host has it back.
/// </summary>
public sealed record Claim(MemorySize Actual, MemorySize Granted, MemorySize Overhead)
{
    /// <summary>
    /// A process may hold this much more than its VM has before the VM counts as a keeper: the kernel counts a process's pages roughly, and
    /// overhead is measured only now and then. The memory is claimed all the same.
    /// </summary>
    public static readonly MemorySize Tolerance = MemorySize.FromMiB(16);

    /// <summary>What was last read of the memory that its process holds; of size zero where nobody could read it yet.</summary>
    public HeldMemory Read { get; init; }

    /// <summary>The memory that its process held when it was last read; zero where nobody could read it yet.</summary>
    public MemorySize Resident => Read.Size;

    /// <summary>
    /// The earlier claim of a VM whose process nobody can look at and that now says that it has less. It stays claimed until a look at the
    /// host that began after <see cref="UnprovenAt"/> confirms the smaller size.
    /// </summary>
    public MemorySize Unproven { get; init; }

    /// <summary>When it last said that it has less.</summary>
    public Moment UnprovenAt { get; init; }

    /// <summary>
    /// The memory in its balloon that counts as its own all the same, because its guest can take it back by itself
    /// (<see cref="Trust.None"/>).
    /// </summary>
    public MemorySize Returnable { get; init; }

    /// <summary>The size below which a shrink frees nothing for others: what it booted with; zero where its balloon is trusted.</summary>
    public MemorySize Firm { get; init; }

    /// <summary>
    /// The memory that it may take beyond what it was granted, without asking (<see cref="Planning.Promise.Lease"/>).
    /// </summary>
    public MemorySize Lease { get; init; }

    /// <summary>The guest memory that is counted for it: what it has or could take back by itself, or what it may take.</summary>
    public MemorySize Held => MemorySize.Max(Taken, Granted + Lease);

    /// <summary>The same without the part of its lease that it has not taken.</summary>
    public MemorySize Taken => MemorySize.Max(Actual + Returnable, Granted);

    /// <summary>The claim if all that the VM says is true.</summary>
    public MemorySize Nominal => Held + Overhead;

    /// <summary>
    /// The memory that its process holds beyond <see cref="Nominal"/> and that its host never got back. Zero within the tolerance.
    /// </summary>
    public MemorySize Kept => Resident > Nominal + Tolerance ? Resident - Nominal : MemorySize.Zero;

    public MemorySize Size => MemorySize.Max(MemorySize.Max(Nominal, Resident), Unproven);

    /// <summary>Its claim beyond what it has or was promised, or must have before a promise to it costs anything.</summary>
    public MemorySize Beside => Size - MemorySize.Max(MemorySize.Max(Actual, Granted + Lease), MemorySize.Min(Firm, Held));

    /// <summary>
    /// Whether the amount that can be promised to it or to others differs. A difference in what its process holds within the claim does not
    /// matter.
    /// </summary>
    public bool Differs(Claim other) => (Actual, Granted, Lease, Overhead, Size)
        != (other.Actual, other.Granted, other.Lease, other.Overhead, other.Size);

    /// <summary>The claim that remains at its min. A VM that gives nothing back does not come down to its min.</summary>
    public MemorySize AtLeast(MemorySize min) => Kept.IsZero ? MemorySize.Max(min, Firm) + Overhead : MemorySize.Max(min + Overhead, Size);
}

/// <summary>
/// The host's book of promises. Its one invariant (docs/develop/ledger.md): <c>Σ claim + Σ reservation + host reserve ≤ host
/// memory</c>. VMs that were let go and still run count among the claims. A change that DMM makes itself is refused where it would break
/// the invariant. Only the world may break it (<see cref="Observe(VmId, MemorySize, MemorySize)"/>, <see cref="See"/>,
/// <see cref="TakeIn"/>, <see cref="Follow"/>); <see cref="Deficit"/> then says by how much. Immutable: a change returns a new ledger.
/// </summary>
public sealed record Ledger
{
    public Ledger(MemorySize hostMemory, MemorySize hostReserve) => (HostMemory, HostReserve) = (hostMemory, hostReserve);

    /// <summary>The memory that can be counted on, the host reserve included. The world may change it (<see cref="Follow"/>).</summary>
    public MemorySize HostMemory { get; private init; }

    public MemorySize HostReserve { get; }

    public ImmutableSortedDictionary<VmId, Claim> Claims { get; private init; } = ImmutableSortedDictionary<VmId, Claim>.Empty;

    /// <summary>Memory set aside for VMs that are about to be created, their overhead included.</summary>
    public ImmutableSortedDictionary<VmId, MemorySize> Reservations { get; private init; } = ImmutableSortedDictionary<VmId,
        MemorySize>.Empty;

    /// <summary>
    /// The memory that each let-go VM could take at that time: nobody else can be promised it while the VM's process runs.
    /// </summary>
    public ImmutableSortedDictionary<VmId, MemorySize> LetGo { get; private init; } = ImmutableSortedDictionary<VmId, MemorySize>.Empty;

    public MemorySize Claimed { get; private init; }

    public MemorySize Reserved { get; private init; }

    /// <summary>The sum of <see cref="LetGo"/>.</summary>
    public MemorySize Loose { get; private init; }

    /// <summary>The memory that no shrink of a VM can free: set aside, held by VMs that were let go, or the host's own.</summary>
    public MemorySize Fixed => Reserved + Loose + HostReserve;

    public MemorySize Committed => Claimed + Fixed;

    /// <summary>The part of <see cref="Claimed"/> that VMs have on lease and have not taken.</summary>
    public MemorySize Leases => Claims.Values.Aggregate(MemorySize.Zero, static (sum, claim) => sum + (claim.Held - claim.Taken));

    /// <summary>The memory that can still be promised; zero in a deficit.</summary>
    public MemorySize Free => HostMemory.MinusOrZero(Committed);

    /// <summary>By how much the world has broken the invariant; zero where it holds.</summary>
    public MemorySize Deficit => Committed.MinusOrZero(HostMemory);

    /// <summary>Promises <paramref name="granted"/> to a VM. Refused (null) where the raise is more than what is free.</summary>
    /// <param name="lease">What it may take beyond that by itself; null: as before.</param>
    /// <remarks>A promise below what the VM has keeps the claim whole: only the confirmed actual frees memory.</remarks>
    /// <exception cref="KeyNotFoundException">The VM has no claim.</exception>
    public Ledger? Grant(VmId vm, MemorySize granted, MemorySize? lease = null)
    {
        var before = Claims[vm];
        var after = before with { Granted = granted, Lease = lease ?? before.Lease };
        return after.Size.MinusOrZero(before.Size) > Free ? null : With(vm, after);
    }

    /// <summary>The same books without any lease: all of them can be taken back.</summary>
    public Ledger Unleased() => Claims.Where(static c => !c.Value.Lease.IsZero)
        .Aggregate(this, static (ledger, c) => ledger.With(c.Key, c.Value with { Lease = MemorySize.Zero }));

    /// <summary>Records what a VM has, and its overhead, now. Facts are never refused.</summary>
    public Ledger Observe(VmId vm, MemorySize actual, MemorySize overhead) =>
        Claims.TryGetValue(vm, out var claim) ? With(vm, claim with { Actual = actual, Overhead = overhead }) : this;

    /// <summary>Does the same, and also records what was read of the VM's process.</summary>
    /// <param name="resident">Null: nobody could read it.</param>
    /// <param name="at">
    /// Now, where the host itself is looked at; otherwise null. A VM whose process nobody can read then keeps its claim when it says that
    /// it has less, until a later look (<see cref="See"/>): the host's available memory then confirms it, or does not.
    /// </param>
    public Ledger Observe(VmId vm, MemorySize actual, MemorySize overhead, HeldMemory? resident, Moment? at)
    {
        if (!Claims.TryGetValue(vm, out var before))
            return this;
        var after = before with { Actual = actual, Overhead = overhead, Read = HeldMemory.Newer(before.Read, resident ?? default) };
        return With(vm, after.Resident.IsZero && at is { } now && actual < before.Actual
            ? after with { Unproven = before.Size, UnprovenAt = now } : after);
    }

    /// <summary>Records what the VM's guest could take back by itself, as far as that counts. Facts are never refused.</summary>
    /// <param name="sizes">What the VM has now.</param>
    public Ledger Rate(VmId vm, Trust trust, VmSizes sizes)
    {
        if (!Claims.TryGetValue(vm, out var claim))
            return this;
        var (returnable, firm) = trust == Trust.None ? (sizes.Ballooned, sizes.Base) : default;
        return (returnable, firm) == (claim.Returnable, claim.Firm) ? this
            : With(vm, claim with { Returnable = returnable, Firm = firm });
    }

    /// <summary>Records what was read of a VM's process. Facts are never refused.</summary>
    public Ledger Holds(VmId vm, HeldMemory resident) =>
        Claims.TryGetValue(vm, out var claim) ? With(vm, claim with { Read = HeldMemory.Newer(claim.Read, resident) }) : this;

    /// <summary>
    /// Records a look at the host. A process that nobody could look at counts as last read, and so does one that was read by its VM's
    /// driver while the look was under way. Facts are never refused.
    /// </summary>
    /// <param name="resident">The memory that each VM's process holds.</param>
    /// <param name="began">When the look began.</param>
    public Ledger See(IReadOnlyDictionary<VmId, HeldMemory> resident, Moment began)
    {
        var ledger = this;
        foreach (var (vm, claim) in Claims)
        {
            var seen = claim with
            {
                Read = HeldMemory.Newer(claim.Read, resident.GetValueOrDefault(vm)),
                Unproven = claim.UnprovenAt < began ? MemorySize.Zero : claim.Unproven,
            };
            if (seen != claim)
                ledger = ledger.With(vm, seen);
        }

        return ledger;
    }

    /// <summary>Records the host's memory now. Facts are never refused.</summary>
    public Ledger Follow(MemorySize hostMemory) => hostMemory == HostMemory ? this : this with { HostMemory = hostMemory };

    /// <summary>Takes in a VM that runs already (adopted). Facts are never refused.</summary>
    public Ledger TakeIn(VmId vm, Claim claim) => With(vm, claim);

    /// <summary>Sets memory aside for a VM to come. Refused (null) where that is more than what is free.</summary>
    public Ledger? Reserve(VmId vm, MemorySize size)
    {
        var without = EndReservation(vm);
        return size > without.Free ? null : without.Keep(vm, size);
    }

    /// <summary>
    /// Restores a reservation without checking whether it fits: the host may have become smaller, and DMM may not know yet that VMs that
    /// were let go are gone.
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

    /// <summary>Turns a reservation into the VM's claim in one step, so that its memory is always counted exactly once.</summary>
    public Ledger Convert(VmId vm, Claim claim) => EndReservation(vm).With(vm, claim);

    /// <summary>Ends the claim of a VM that runs on without DMM; what it could take stays taken.</summary>
    public Ledger LetGoOf(VmId vm, MemorySize size)
    {
        var without = Gone(vm).Release(vm);
        return without with { LetGo = without.LetGo.SetItem(vm, size), Loose = without.Loose + size };
    }

    /// <summary>
    /// Ends the entry of a VM that was let go and no longer runs, or is governed again; does nothing where there is none.
    /// </summary>
    public Ledger Gone(VmId vm) =>
        LetGo.TryGetValue(vm, out var size)
            ? this with { LetGo = LetGo.Remove(vm), Loose = Loose - size }
            : this;

    /// <summary>Ends the claim of a VM that is gone.</summary>
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
