using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Memory;

/// <summary>What one VM takes of the host: the larger of what it has and what it was promised, and what the hypervisor needs beside that.</summary>
public sealed record Claim(MemorySize Actual, MemorySize Granted, MemorySize Overhead)
{
    public MemorySize Size => MemorySize.Max(Actual, Granted) + Overhead;
}

/// <summary>
/// The host's book of promises. Its one invariant (docs/architecture.md):
/// <c>Σ claim + Σ reservation + host reserve ≤ host memory</c>.
/// Every change that DMM itself makes is refused where it would break that; only the world may break it (<see cref="Observe"/>,
/// <see cref="TakeIn"/>), and then <see cref="Deficit"/> says by how much. Immutable: a change is a new ledger.
/// </summary>
public sealed record Ledger
{
    public Ledger(MemorySize hostMemory, MemorySize hostReserve) => (HostMemory, HostReserve) = (hostMemory, hostReserve);

    public MemorySize HostMemory { get; }

    public MemorySize HostReserve { get; }

    public ImmutableSortedDictionary<VmId, Claim> Claims { get; private init; } = ImmutableSortedDictionary<VmId, Claim>.Empty;

    /// <summary>Memory set aside for VMs that are about to be created, their overhead included.</summary>
    public ImmutableSortedDictionary<VmId, MemorySize> Reservations { get; private init; } = ImmutableSortedDictionary<VmId, MemorySize>.Empty;

    public MemorySize Claimed { get; private init; }

    public MemorySize Reserved { get; private init; }

    public MemorySize Committed => Claimed + Reserved + HostReserve;

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

    /// <summary>Takes in a VM that runs already (adopted). The world is never refused.</summary>
    public Ledger TakeIn(VmId vm, Claim claim) => With(vm, claim);

    /// <summary>Sets memory aside for a VM to come. Refused (null) where that is more than what is free.</summary>
    public Ledger? Reserve(VmId vm, MemorySize size)
    {
        var without = EndReservation(vm);
        return size > without.Free
            ? null
            : without with { Reservations = without.Reservations.SetItem(vm, size), Reserved = without.Reserved + size };
    }

    /// <summary>Gives a reservation back; nothing happens where there is none.</summary>
    public Ledger EndReservation(VmId vm) =>
        Reservations.TryGetValue(vm, out var size)
            ? this with { Reservations = Reservations.Remove(vm), Reserved = Reserved - size }
            : this;

    /// <summary>Turns a reservation into the VM's claim in one step, so that its memory is never counted twice nor not at all.</summary>
    public Ledger Convert(VmId vm, Claim claim) => EndReservation(vm).With(vm, claim);

    /// <summary>The VM is gone or let go of: its claim ends.</summary>
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
