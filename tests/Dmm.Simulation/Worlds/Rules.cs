using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;

namespace Dmm.Simulation.Worlds;

/// <summary>
/// The rules of a host at both depths: pure functions that return what is amiss, or null. A depth that can't ask for a rule at some
/// moment, since the world itself has broken it, does not call it then.
/// </summary>
internal static partial class Rules
{
    /// <summary>The ledger's figures agree with each other and with the VMs and requests that they are kept for.</summary>
    public static Amiss? Books(HostState state) => Claims(state) ?? Reservations(state) ?? LetGo(state) ?? OnePlace(state);

    /// <summary>The sum of all that is promised is no more than the host has.</summary>
    public static Amiss? Sum(HostState state)
    {
        var ledger = state.Ledger;
        var sum = ledger.Claimed + ledger.Reserved + ledger.Loose + ledger.HostReserve;
        return sum <= ledger.HostMemory
            ? null
            : new("the invariant", $"{sum} promised of {ledger.HostMemory}, and the world did not cause it: "
                + string.Join("; ", ledger.Claims.Select(c => $"{c.Key} {c.Value}, {state.Vms.GetValueOrDefault(c.Key)?.Promise}"))
                + $"; {ledger.Reserved} reserved, {ledger.Loose} let go");
    }

    /// <summary>No VM has reported more than it was granted.</summary>
    /// <param name="mayExceed">Whether the world has made this VM larger than it was promised.</param>
    public static Amiss? Reports(HostState state, Func<VmId, bool> mayExceed)
    {
        foreach (var (id, claim) in state.Ledger.Claims)
        {
            if (claim.Actual > claim.Granted + claim.Lease && !mayExceed(id))
                return new("more reported than promised", $"{id}: {claim}");
        }

        return null;
    }

    private static Amiss? Claims(HostState state)
    {
        var (ledger, sum) = (state.Ledger, MemorySize.Zero);
        foreach (var (id, claim) in ledger.Claims)
        {
            sum += claim.Size;
            if (claim.Size < claim.Actual + claim.Overhead)
                return new("a claim below actual", $"{id}: {claim}");
            if (!state.Vms.TryGetValue(id, out var vm))
                return new("a claim of nobody", $"{id}: {claim}");
            if ((claim.Granted, claim.Lease) != (vm.Promise.Granted, vm.Promise.Lease))
                return new("a claim that does not match its promise", $"{id}: {claim}, promised {vm.Promise}");
        }

        if (ledger.Claims.Count != state.Vms.Count)
            return new("a lost claim", $"claims of {Names(ledger.Claims.Keys)}, VMs {Names(state.Vms.Keys)}");
        return sum == ledger.Claimed ? null : new("sums", $"claimed {ledger.Claimed}, but the claims add up to {sum}");
    }

    private static Amiss? Reservations(HostState state)
    {
        var (ledger, sum) = (state.Ledger, MemorySize.Zero);
        foreach (var (id, size) in ledger.Reservations)
        {
            sum += size;
            if (!state.Admissions.TryGetValue(id, out var admission) || admission.Reserved != size)
                return new("a reservation of nobody", $"{id}: {size}");
        }

        foreach (var (id, admission) in state.Admissions)
        {
            if (admission.Reserved is null != admission.State.Seeks() || admission.Plan is null == admission.State.Gathers()
                || admission.Spec.Policy.Min > (admission.Boot ?? admission.Spec.Boot))
                return new("a request that is not what its state says", $"{admission}");
            if (admission.Reserved is { } size && !ledger.Reservations.ContainsKey(id))
                return new("a lost reservation", $"{id}: {size}");
        }

        return sum == ledger.Reserved ? null : new("sums", $"reserved {ledger.Reserved}, but the reservations add up to {sum}");
    }

    private static Amiss? LetGo(HostState state)
    {
        var ledger = state.Ledger;
        if (!ledger.LetGo.Keys.SequenceEqual(state.LetGo.Keys))
            return new("let go and not counted", $"{Names(state.LetGo.Keys)} were let go; the ledger has {Names(ledger.LetGo.Keys)}");
        var sum = ledger.LetGo.Values.Aggregate(MemorySize.Zero, static (sum, size) => sum + size);
        return sum == ledger.Loose ? null : new("sums", $"let go {ledger.Loose}, but they may take {sum}");
    }

    /// <summary>A VM runs, is wanted, or rests; one that rests holds nothing.</summary>
    private static Amiss? OnePlace(HostState state)
    {
        foreach (var id in state.Admissions.Keys)
        {
            if (state.Vms.ContainsKey(id))
                return new("in two places at once", $"{id} runs and is wanted");
        }

        foreach (var id in state.Resting.Keys)
        {
            if (state.Vms.ContainsKey(id) || state.Admissions.ContainsKey(id))
                return new("in two places at once", $"{id} rests, and runs or is wanted");
            if (state.Ledger.Claims.ContainsKey(id) || state.Ledger.Reservations.ContainsKey(id))
                return new("a VM that rests but is not gone", $"{id} rests, and memory is kept for it");
        }

        return null;
    }

    private static string Names(IEnumerable<VmId> ids) => $"[{string.Join(" ", ids)}]";
}
