using System.Collections.Immutable;
using Dmm.Actors.Vms;
using Dmm.Core.Arbitration;
using Dmm.Core.Demand;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>From what the host's actor knows to what it promises next. Pure: gathers the bids, asks the arbiter, and lets the ledger say what can be kept now.</summary>
public static class HostPlanner
{
    public static ImmutableArray<PromiseChange> Next(
        HostState state,
        ImmutableDictionary<VmId, VmProtocol.Report> reports,
        ImmutableDictionary<VmId, Forecast> forecasts,
        HostSettings settings,
        VmId? gathering)
    {
        var kept = gathering is { } id && state.Admissions.TryGetValue(id, out var wanted) ? wanted.Size : MemorySize.Zero;
        var budget = state.Ledger.HostMemory.MinusOrZero(state.Ledger.HostReserve + state.Ledger.Reserved + kept);
        var bids = new List<Bid>(state.Vms.Count);
        foreach (var (vm, record) in state.Vms)
        {
            var claim = state.Ledger.Claims[vm];
            budget = budget.MinusOrZero(claim.Overhead);
            bids.Add(BidOf(vm, record, claim, reports.GetValueOrDefault(vm), forecasts.GetValueOrDefault(vm), settings));
        }

        var plan = Arbiter.Plan(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bids), budget, settings.Cushion);
        var promises = state.Vms.ToDictionary(vm => vm.Key, vm => vm.Value.Promise);
        var standings = reports.Where(r => r.Value.Standing is not null).ToDictionary(r => r.Key, r => r.Value.Standing!);
        var policies = state.Vms.ToDictionary(vm => vm.Key, vm => vm.Value.Policy);
        return Granting.Next(state.Ledger, promises, standings, plan, policies, kept, settings.Step);
    }

    private static Bid BidOf(VmId vm, VmRecord record, Claim claim, VmProtocol.Report? report, Forecast? forecast, HostSettings settings)
    {
        var held = MemorySize.Max(claim.Actual, claim.Granted);
        var movable = report is { Standing: not null, Stopping: false, Phase: VmPhase.Settled or VmPhase.Growing or VmPhase.Shrinking or VmPhase.Stuck };
        var (min, max) = (record.Policy.Min, record.Policy.Max);
        if (record.OperatorTarget is { } own)
        {
            // An operator's target stands like a max and a wish at once: down to it even if nobody needs the memory, up to it as to any demand.
            own = own.Clamp(min, max);
            return new(vm, min, own, record.Policy.Shares, held, own, own, false, movable);
        }

        // Nobody says what this guest needs: it stays as it is.
        if (forecast is null)
            return new(vm, min, max, record.Policy.Shares, held, held, held, false, movable);
        var want = forecast.Demand.RoundUp(settings.Step);
        if (!forecast.Urgent && want > held && want - held < settings.Step)
            want = held;
        return new(vm, min, max, record.Policy.Shares, held, want, MemorySize.Max(want, forecast.ShrinkTo), forecast.Urgent, movable);
    }
}
