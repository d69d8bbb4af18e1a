using Dmm.Core;
using Dmm.Core.Hosts;

namespace Dmm.Simulation.Core;

/// <summary>The rules of the accounts: each claim and reservation belongs to somebody, and the sum is no more than the host has.</summary>
internal sealed partial class Invariants
{
    private void HoldsLedger(HostState state)
    {
        var ledger = state.Ledger;
        var (claimed, reserved, worldly) = (MemorySize.Zero, MemorySize.Zero, !world.HostLoss.IsZero);
        foreach (var (id, claim) in ledger.Claims)
        {
            claimed += claim.Size;
            if (claim.Size < claim.Actual + claim.Overhead)
                throw new ViolationException("a claim below actual", $"{id}: {claim}");
            if (!state.Vms.TryGetValue(id, out var vm))
                throw new ViolationException("a claim of nobody", $"{id}: {claim}");
            if (claim.Granted != vm.Promise.Granted)
                throw new ViolationException("a claim that does not match its promise", $"{id}: {claim}, promised {vm.Promise}");
            // A VM's additional overhead shows in the memory of its process before it is measured.
            worldly |= claim.Overhead > vm.Overhead
                || (world.ProcessOf(id) is { } dear
                    && (dear.Cost > vm.Overhead || (dear.CostAt != default && world.Agenda.Now - dear.CostAt < Rumours)));
            // Nobody could know the memory that it keeps.
            worldly |= !claim.Kept.IsZero && world.Daemon?.FirstSeen.TryGetValue(id, out var since) == true
                && world.Agenda.Now - since < Rumours;
            if (world.ProcessOf(id) is { Disturbed: true })
                worldly = true;
            else if (claim.Actual > claim.Granted)
                throw new ViolationException("more reported than promised", $"{id}: {claim}");
        }

        foreach (var (id, size) in ledger.Reservations)
        {
            reserved += size;
            if (!state.Admissions.TryGetValue(id, out var admission) || admission.Reserved != size)
                throw new ViolationException("a reservation of nobody", $"{id}: {size}");
        }

        foreach (var (id, admission) in state.Admissions)
        {
            if (admission.Reserved is { } size && !ledger.Reservations.ContainsKey(id))
                throw new ViolationException("a lost reservation", $"{id}: {size}");
        }

        foreach (var id in state.Resting.Keys)
        {
            if (ledger.Claims.ContainsKey(id) || ledger.Reservations.ContainsKey(id) || world.ProcessOf(id) is { Running: true })
                throw new ViolationException(
                    "a VM that rests but is not gone",
                    $"{id} rests, and {(world.ProcessOf(id) is { Running: true } ? "a process of it runs" : "memory is kept for it")}");
        }

        foreach (var id in state.Vms.Keys)
        {
            if (!ledger.Claims.ContainsKey(id))
                throw new ViolationException("a lost claim", $"{id}");
        }

        if (claimed != ledger.Claimed || reserved != ledger.Reserved)
            throw new ViolationException(
                "sums", $"claimed {ledger.Claimed}, but the claims add up to {claimed}; reserved {ledger.Reserved}, but the reservations "
                + $"add up to {reserved}");
        // For VMs that were let go, the world's figure counts, not the daemon's: nobody else may hold the memory that they do.
        var truth = world.Journal.Truth;
        var loose = LetGoAndRunning(truth).Aggregate(MemorySize.Zero, (all, id) => all + truth.Ledger.LetGo[id]);
        if (ledger.Loose < loose)
            throw new ViolationException(
                "let go and promised to others",
                $"{loose} may be held by VMs that were let go and run; the ledger says {ledger.Loose}");
        var sum = claimed + reserved + ledger.Loose + ledger.HostReserve;
        if (sum > ledger.HostMemory && !worldly && !_deficit)
        {
            var claims = string.Join("; ", ledger.Claims.Select(c => $"{c.Key} {c.Value}, holds {world.ProcessOf(c.Key)?.Resident}"));
            throw new ViolationException("the invariant", $"{sum} promised of {ledger.HostMemory}, and the world did not cause it: "
                + claims);
        }

        _deficit = sum > ledger.HostMemory;
        world.HostLoss = MemorySize.Min(world.HostLoss, ledger.Deficit);
    }
}
