using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Demand;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// A plan: what follows from it, and what led to it, which is recorded so that it can be explained (<see cref="Explaining.DecisionLog"/>).
/// </summary>
/// <param name="Changes">What is promised.</param>
/// <param name="Waits">Who waits for whose memory.</param>
/// <param name="Bids">A VM each.</param>
/// <param name="Allotments">In the order of the bids.</param>
/// <param name="Slowed">Who was asked for less than was wanted of it, since nobody is in need; null for nobody.</param>
/// <param name="Gathering">The VM to come for which memory is gathered first; null for none.</param>
public sealed record HostPlan(
    ImmutableArray<PromiseChange> Changes, ImmutableArray<Wait> Waits, IReadOnlyList<Bid> Bids, IReadOnlyList<Allotment> Allotments,
    IReadOnlySet<VmId>? Slowed,
    VmId? Gathering)
{
    public void Deconstruct(out ImmutableArray<PromiseChange> changes, out ImmutableArray<Wait> waits) =>
        (changes, waits) = (Changes, Waits);
}

/// <summary>
/// From what the host's actor knows to what it promises next. Pure: gathers the bids, asks the arbiter, and lets the ledger say what can be
/// kept now.
/// </summary>
public static class HostPlanner
{
    /// <summary>
    /// Longer than any source is silent while it works (the balloon's statistics may come once a minute): what was foreseen before says
    /// nothing of now.
    /// </summary>
    public static readonly TimeSpan ForecastAge = TimeSpan.FromMinutes(3);

    /// <summary>A guest in need says so again at once: one that has not is not in need any more, or can't speak.</summary>
    public static readonly TimeSpan UrgencyAge = TimeSpan.FromSeconds(10);

    /// <summary>So much above its target a VM counts as arrived (<see cref="MechanismProfile.Tolerance"/>).</summary>
    private static readonly MemorySize AtRest = new MechanismProfile().Tolerance;

    /// <param name="arbiter">Keeps its buffers, and whose turn it is, from plan to plan.</param>
    /// <param name="tick">The period is over; plans in between hasten nobody who gives slowly.</param>
    /// <param name="law">A peer's law that decides in the arbiter's place; null: the arbiter.</param>
    public static HostPlan Next(
        HostState state,
        ImmutableDictionary<VmId, VmProtocol.Report> reports,
        ImmutableDictionary<VmId, Forecast> forecasts,
        IReadOnlyDictionary<VmId, Told> told,
        HostSettings settings,
        Arbiter arbiter,
        bool tick,
        Moment now,
        LawPlanner? law = null)
    {
        var gathered = AdmissionLine.InOrder(state.Admissions.Values.Where(a => a.Plan is not null)).ToList();
        var kept = gathered.Aggregate(MemorySize.Zero, static (sum, a) => sum + a.Plan!.For);
        var budget = state.Ledger.HostMemory.MinusOrZero(state.Ledger.Fixed + kept);
        var count = state.Vms.Count;
        var bids = new List<Bid>(count);
        var promises = new Dictionary<VmId, Promise>(count);
        var policies = new Dictionary<VmId, VmPolicy>(count);
        var standings = new Dictionary<VmId, Confirmation>(count);
        foreach (var (vm, record) in state.Vms)
        {
            var (claim, report) = (state.Ledger.Claims[vm], reports.GetValueOrDefault(vm));
            budget = budget.MinusOrZero(claim.Beside);
            bids.Add(
                HostAdmissions.Bound(BidOf(vm, record, claim, report, Fresh(forecasts.GetValueOrDefault(vm), now), settings), gathered));
            (promises[vm], policies[vm]) = (record.Promise, record.Policy);
            if (report is not null && HostDispatch.Answer(report, told.GetValueOrDefault(vm), record.Promise) is { } standing)
                standings[vm] = standing;
        }

        // All may come to rest a little above their targets, and a deficit of a little holds up as much as any.
        if (!state.Ledger.Deficit.IsZero)
            budget = budget.MinusOrZero(AtRest.Scale(count));
        var plan = law is null
            ? arbiter.Decide(
                System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bids), budget, settings.Cushion, settings.Step,
                budget.Scale(settings.Spare)).ToArray()
            : law.Plan(bids, budget, state.Vms, reports, now);
        var slowed = gathered.Count == 0 && !bids.Exists(static bid => bid.Urgent) ? Slow(plan, bids, state, settings, tick) : null;
        Limit(plan, bids, state, reports);
        Order(plan, bids, state);
        HostAdmissions.Name(plan, bids, gathered);
        var grants = Granting.Decide(state.Ledger, promises, standings, plan, policies, kept, law is null ? settings.Step
            : MemorySize.Min(LawPlanner.Step, settings.Step));
        return new(grants.Changes, WaitsOf(state, grants, gathered, bids, promises), bids, plan, slowed, gathered.Count == 0 ? null
            : gathered[0].Spec.Id);
    }

    /// <summary>What of a forecast still counts; null for nothing.</summary>
    public static Forecast? Fresh(Forecast? forecast, Moment now) => forecast is null || now - forecast.At > ForecastAge ? null
        : forecast.Urgent && now - forecast.At > UrgencyAge ? forecast with { Urgent = false }
        : forecast;

    /// <inheritdoc cref="Bidding.Slowly"/>
    private static HashSet<VmId>? Slow(Allotment[] plan, List<Bid> bids, HostState state, HostSettings settings, bool tick)
    {
        HashSet<VmId>? slowed = null;
        for (var i = 0; i < plan.Length; i++)
        {
            // Whatever else is given is given at once.
            if (plan[i].Ruling != Ruling.GivesPast || state.Vms[plan[i].Vm] is not { OperatorTarget: null, Promise: var promise })
                continue;
            var step = tick ? MemorySize.Max(settings.Step, bids[i].Held.Scale(settings.ShrinkRate * settings.PlanPeriod.TotalSeconds))
                : MemorySize.Zero;
            var target = Bidding.Slowly(plan[i], bids[i], promise.Target, step);
            if (target <= plan[i].Target)
                continue;
            plan[i] = plan[i] with { Target = target };
            (slowed ??= []).Add(plan[i].Vm);
        }

        return slowed;
    }

    /// <summary>Says where it is its control group that keeps a VM from what it would get.</summary>
    private static void Limit(Allotment[] plan, List<Bid> bids, HostState state, ImmutableDictionary<VmId, VmProtocol.Report> reports)
    {
        for (var i = 0; i < plan.Length; i++)
        {
            if (plan[i].Ruling == Ruling.Demand && bids[i].Want > bids[i].Max && plan[i].Target == bids[i].Max
                && VmLimit.Most(reports.GetValueOrDefault(bids[i].Vm)?.Cost, state.Ledger.Claims[bids[i].Vm]) == bids[i].Max)
                plan[i] = plan[i] with { Ruling = Ruling.Limited };
        }
    }

    /// <summary>What an operator ordered, and can be had, is to be had to the byte.</summary>
    private static void Order(Allotment[] plan, List<Bid> bids, HostState state)
    {
        for (var i = 0; i < plan.Length; i++)
        {
            if (state.Vms[plan[i].Vm].OperatorTarget is not null && plan[i].Target == bids[i].Want)
                plan[i] = plan[i] with { Exact = true };
        }
    }

    private static ImmutableArray<Wait> WaitsOf(
        HostState state, Grants grants, List<AdmissionRecord> gathered, List<Bid> bids, Dictionary<VmId, Promise> promises)
    {
        var raised = grants.Changes.Aggregate(MemorySize.Zero, static (sum, c) => sum + c.Granted.MinusOrZero(c.Was ?? c.Granted));
        // The urgent may take even what is being gathered; the others leave it alone.
        var unmet = grants.Unmet.Where(u => u.Urgent).ToList();
        unmet.AddRange(HostAdmissions.Missing(gathered, state.Ledger.Free.MinusOrZero(raised)));
        unmet.AddRange(grants.Unmet.Where(u => !u.Urgent));
        if (unmet.Count == 0)
            return [];
        foreach (var change in grants.Changes)
            promises[change.Vm] = new(change.Granted, change.Target);
        // Who holds no more than it is to have owes nothing.
        return Waits.Chain(unmet, bids
            .Where(bid => promises[bid.Vm].Target < MemorySize.Max(bid.Held, promises[bid.Vm].Granted))
            .Select(bid => new Giver(bid.Vm, MemorySize.Max(state.Ledger.Claims[bid.Vm].Actual, promises[bid.Vm].Granted)
                .MinusOrZero(promises[bid.Vm].Target))));
    }

    /// <summary>What each VM bids, whatever plans for VMs to come ask of it.</summary>
    public static IEnumerable<Bid> Bids(
        HostState state, ImmutableDictionary<VmId, VmProtocol.Report> reports, ImmutableDictionary<VmId, Forecast> forecasts,
        HostSettings settings,
        Moment now) =>
        state.Vms.Select(vm => BidOf(
            vm.Key, vm.Value, state.Ledger.Claims[vm.Key], reports.GetValueOrDefault(vm.Key),
            Fresh(forecasts.GetValueOrDefault(vm.Key), now), settings));

    private static Bid BidOf(VmId vm, VmRecord record, Claim claim, VmProtocol.Report? report, Forecast? forecast, HostSettings settings)
    {
        var held = MemorySize.Max(claim.Actual, claim.Granted);
        var movable = report is
        {
            Confirmation: not null, Stopping: false, Phase: VmPhase.Settled or VmPhase.Growing or VmPhase.Shrinking
            or VmPhase.Stuck
        };
        // More than it can become here would be promised for nothing.
        var (min, max) = (record.Policy.Min, record.Policy.Max);
        if (report?.Most is { } reach)
            max = MemorySize.Max(min, MemorySize.Min(max, MemorySize.Max(reach, held)));
        // A hypervisor that runs into its control group's limit is killed: neither the guarantee nor max reach beyond that.
        if (VmLimit.Most(report?.Cost, claim) is { } most)
            (min, max) = (MemorySize.Min(min, most), MemorySize.Min(max, most));
        if (record.OperatorTarget is { } own)
        {
            // An operator's target stands like a max and a wish at once: down to it even if nobody needs the memory, up to it as to any
            // demand.
            own = own.Clamp(min, max);
            return new(vm, min, own, record.Policy.Shares, held, own, own, false, movable);
        }

        // One that started early wants what it asked for, but as headroom: nobody's working set pays for that.
        var owed = MemorySize.Min(max, record.Owed ?? MemorySize.Zero);
        if (owed > held && owed - held < settings.Step)
            owed = held;
        var bid = new Bid(vm, min, max, record.Policy.Shares, held, held, held, false, movable) { Asked = record.Promise.Target };
        // Nobody says what this guest needs: it stays as it is, also where there is too little for all. Blindly taken, its last free page
        // might go.
        if (forecast is null)
        {
            var stay = MemorySize.Max(held, owed);
            return bid with { Min = MemorySize.Max(min, MemorySize.Min(held, max)), Want = stay, ShrinkTo = stay, Need = held };
        }

        bid = bid.With(forecast, settings.Step, settings.DeadBand, settings.GuestMargin);
        // What does not come back to the host is taken of nobody.
        if (!claim.Kept.IsZero)
            bid = bid with { TakenTo = held };
        else if (report?.Capabilities?.Keeps is not null)
            bid = bid with { TakenTo = MemorySize.Max(bid.TakenTo, held.MinusOrZero(report.Sizes?.Plugged ?? MemorySize.Zero)) };
        var want = MemorySize.Max(bid.Want, owed);
        if (report is { Sizes: { } sizes, Capabilities: { } can })
            want = MemoryLayout.LeastFrom(want, sizes, can);
        return bid with { Want = want, ShrinkTo = MemorySize.Max(want, bid.ShrinkTo) };
    }
}
