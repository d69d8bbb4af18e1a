using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Demand;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// A plan: its results, and its inputs, which are recorded so that it can be explained (<see cref="Explaining.DecisionLog"/>).
/// </summary>
/// <param name="Changes">The changes of promises.</param>
/// <param name="Waits">Which VM waits for whose memory.</param>
/// <param name="Bids">One bid for each VM.</param>
/// <param name="Allotments">In the order of the bids.</param>
/// <param name="Slowed">The VMs that are asked for less than the plan wants from them, because no VM is in need; null for none.</param>
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
/// Makes the next promises from the host's state. Pure: collects the bids, asks the arbiter, and lets the ledger decide what can be
/// promised now.
/// </summary>
public static class HostPlanner
{
    /// <summary>
    /// A forecast older than this says nothing about the present. It is longer than any source is silent while it works (the balloon's
    /// statistics may come once a minute).
    /// </summary>
    public static readonly TimeSpan ForecastAge = TimeSpan.FromMinutes(3);

    /// <summary>A guest in need says so again at once. A guest that has not for this long is no longer in need, or can't report.</summary>
    public static readonly TimeSpan UrgencyAge = TimeSpan.FromSeconds(10);

    /// <summary>A VM counts as arrived when it is at most this much above its target (<see cref="MechanismProfile.Tolerance"/>).</summary>
    private static readonly MemorySize AtRest = new MechanismProfile().Tolerance;

    /// <param name="arbiter">Keeps its buffers, and whose turn it is, from plan to plan.</param>
    /// <param name="tick">True at the end of the period. Plans in between don't make VMs that give slowly give faster.</param>
    /// <param name="law">A law that decides instead of the arbiter; null: the arbiter decides.</param>
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

        // Every VM may settle a little above its target, and even a small deficit blocks all grants.
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
        var waits = WaitsOf(state, grants, gathered, bids, promises);
        var changes = Leasing.Add(
            state.Ledger, grants.Changes, promises, plan, MostWithLeases(bids, plan, state, reports, standings, law is not null),
            new(settings.Cushion.Scale(settings.Leased), RoomForLeases(plan, grants, state, budget)), tick && state.Drain is null);
        return new(changes, waits, bids, plan, slowed, gathered.Count == 0 ? null : gathered[0].Spec.Id);
    }

    /// <summary>
    /// The memory that leases may take: what is planned, what is gathered for VMs to come, and what a guest in need waits for comes first.
    /// </summary>
    private static MemorySize RoomForLeases(Allotment[] plan, Grants grants, HostState state, MemorySize budget)
    {
        if (!state.Ledger.Deficit.IsZero || grants.Unmet.Any(static unmet => unmet.Urgent)
            || state.Admissions.Values.Any(a => a.State.Seeks() && a.Size > state.Ledger.Free))
            return MemorySize.Zero;
        return budget.MinusOrZero(plan.Aggregate(MemorySize.Zero, static (sum, part) => sum + part.Target));
    }

    /// <summary>
    /// The most that each VM may be with its lease. A VM whose guest does not call for help, or that an operator has sized, needs no lease.
    /// The lease of one that does not answer stays (null).
    /// </summary>
    private static MemorySize?[] MostWithLeases(
        List<Bid> bids, Allotment[] plan, HostState state, ImmutableDictionary<VmId, VmProtocol.Report> reports,
        Dictionary<VmId, Confirmation> standings, bool lawDecides)
    {
        var most = new MemorySize?[bids.Count];
        for (var i = 0; i < most.Length; i++)
        {
            var vm = bids[i].Vm;
            if (plan[i].Ruling == Ruling.Immovable || !standings.ContainsKey(vm))
                continue;
            var (record, claim) = (state.Vms[vm], state.Ledger.Claims[vm]);
            most[i] = !lawDecides && record.OperatorTarget is null && claim.Kept.IsZero && reports[vm] is
            {
                Reboots: false,
                Declines: false,
                Sample.Source: SampleSource.Agent,
            }
            ? bids[i].Max : MemorySize.Zero;
        }

        return most;
    }

    /// <summary>Returns the part of a forecast that still counts; null for nothing.</summary>
    public static Forecast? Fresh(Forecast? forecast, Moment now) => forecast is null || now - forecast.At > ForecastAge ? null
        : forecast.Urgent && now - forecast.At > UrgencyAge ? forecast with { Urgent = false }
        : forecast;

    /// <inheritdoc cref="Bidding.Slowly"/>
    private static HashSet<VmId>? Slow(Allotment[] plan, List<Bid> bids, HostState state, HostSettings settings, bool tick)
    {
        HashSet<VmId>? slowed = null;
        for (var i = 0; i < plan.Length; i++)
        {
            // Memory under any other ruling is given at once.
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

    /// <summary>Marks the VMs that get less than they want because of their control group's limit.</summary>
    private static void Limit(Allotment[] plan, List<Bid> bids, HostState state, ImmutableDictionary<VmId, VmProtocol.Report> reports)
    {
        for (var i = 0; i < plan.Length; i++)
        {
            if (plan[i].Ruling == Ruling.Demand && bids[i].Want > bids[i].Max && plan[i].Target == bids[i].Max
                && VmLimit.Most(reports.GetValueOrDefault(bids[i].Vm)?.Cost, state.Ledger.Claims[bids[i].Vm]) == bids[i].Max)
                plan[i] = plan[i] with { Ruling = Ruling.Limited };
        }
    }

    /// <summary>Marks sizes that an operator ordered and that can be had: they are reached to the byte.</summary>
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
        // Urgent growth may take even memory that is being gathered; other growth may not.
        var unmet = grants.Unmet.Where(u => u.Urgent).ToList();
        unmet.AddRange(HostAdmissions.Missing(gathered, state.Ledger.Free.MinusOrZero(raised)));
        unmet.AddRange(grants.Unmet.Where(u => !u.Urgent));
        if (unmet.Count == 0)
            return [];
        foreach (var change in grants.Changes)
            promises[change.Vm] = new(change.Granted, change.Target);
        // A VM that holds no more than its target owes nothing.
        return Waits.Chain(unmet, bids
            .Where(bid => promises[bid.Vm].Target < MemorySize.Max(bid.Held, promises[bid.Vm].Granted))
            .Select(bid => new Giver(bid.Vm, MemorySize.Max(state.Ledger.Claims[bid.Vm].Taken, promises[bid.Vm].Granted)
                .MinusOrZero(promises[bid.Vm].Target))));
    }

    /// <summary>Returns the bid of each VM, without what plans for VMs to come ask of it.</summary>
    public static IEnumerable<Bid> Bids(
        HostState state, ImmutableDictionary<VmId, VmProtocol.Report> reports, ImmutableDictionary<VmId, Forecast> forecasts,
        HostSettings settings,
        Moment now) =>
        state.Vms.Select(vm => BidOf(
            vm.Key, vm.Value, state.Ledger.Claims[vm.Key], reports.GetValueOrDefault(vm.Key),
            Fresh(forecasts.GetValueOrDefault(vm.Key), now), settings));

    private static Bid BidOf(VmId vm, VmRecord record, Claim claim, VmProtocol.Report? report, Forecast? forecast, HostSettings settings)
    {
        var movable = report is
        {
            Confirmation: not null, Stopping: false, Phase: VmPhase.Settled or VmPhase.Growing or VmPhase.Shrinking
            or VmPhase.Stuck
        };
        // What was granted beyond what it has and is to have, a lease that is taken back, is only not confirmed yet. Of one that does not
        // answer it never is.
        var held = MemorySize.Max(claim.Actual, movable ? record.Promise.Target : claim.Granted);
        // A promise of more than the VM can become here would be useless.
        var (min, max) = (record.Policy.Min, record.Policy.Max);
        if (report?.Most is { } reach)
            max = MemorySize.Max(min, MemorySize.Min(max, report.Declines ? reach : MemorySize.Max(reach, held)));
        // Below what it booted with, a VM whose balloon is not trusted gives others nothing.
        min = MemorySize.Max(min, MemorySize.Min(claim.Firm, max));
        // A hypervisor that reaches its control group's limit is killed: neither min nor max goes beyond that.
        if (VmLimit.Most(report?.Cost, claim) is { } most)
            (min, max) = (MemorySize.Min(min, most), MemorySize.Min(max, most));
        if (report is { Reboots: true, Stopping: false, Sizes: { } booted })
        {
            // A boot needs what it always had, whatever its guest used at rest; nobody can say how much of that it will use.
            var all = MemorySize.Min(MemorySize.Max(held, booted.Base), MemorySize.Max(held, max));
            var kept = MemorySize.Min(all, MemorySize.Max(min, held));
            // Its promise rises to what it has, so that the growth of others takes nothing of that.
            return new(vm, kept, all, record.Policy.Shares, record.Promise.Granted, all, all, Urgent: true, Movable: true);
        }

        if (record.OperatorTarget is { } own)
        {
            // An operator's target counts as a max and as a demand: the VM shrinks to it even if nobody needs the memory, and grows to it
            // as to any demand.
            own = own.Clamp(min, max);
            return new(vm, min, own, record.Policy.Shares, held, own, own, false, movable);
        }

        // A VM that started early wants what it asked for, but as headroom: no VM's working set is taken for that.
        var owed = MemorySize.Min(max, record.Owed ?? MemorySize.Zero);
        if (owed > held && owed - held < settings.Step)
            owed = held;
        var bid = new Bid(vm, min, max, record.Policy.Shares, held, held, held, false, movable) { Asked = record.Promise.Target };
        // Nobody knows what this guest needs, so it stays as it is, even where there is too little for all: taking blindly could take its
        // last free page.
        if (forecast is null)
        {
            var stay = MemorySize.Max(held, owed);
            return bid with { Min = MemorySize.Max(min, MemorySize.Min(held, max)), Want = stay, ShrinkTo = stay, Need = held };
        }

        bid = bid.With(forecast, settings.Step, settings.DeadBand, settings.GuestMargin);
        // Memory that would not come back to the host is not taken from any VM.
        if (!claim.Kept.IsZero || report?.Capabilities is { KeepsPlugged: true })
            bid = bid with { TakenTo = held };
        else if (report?.Capabilities?.Keeps is not null)
            bid = bid with { TakenTo = MemorySize.Max(bid.TakenTo, held.MinusOrZero(report.Sizes?.Plugged ?? MemorySize.Zero)) };
        var want = MemorySize.Max(bid.Want, owed);
        if (report is { Sizes: { } sizes, Capabilities: { } can })
            want = MemoryLayout.LeastFrom(want, sizes, can);
        return bid with { Want = want, ShrinkTo = MemorySize.Max(want, bid.ShrinkTo) };
    }
}
