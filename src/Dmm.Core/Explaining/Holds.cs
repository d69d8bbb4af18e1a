using System.Collections.Immutable;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Explaining;

/// <summary>Finds what a plan held back from one VM, and why, from the inputs of the plan. Pure.</summary>
public static class Holds
{
    /// <summary>All that a plan knew about one VM.</summary>
    /// <param name="Wait">The memory that it waits for; null for none.</param>
    public readonly record struct Case(Planned Planned, VmRecord Vm, Bid Bid, Allotment Allotment, Wait? Wait)
    {
        public VmProtocol.Report? Report => Planned.Reports.GetValueOrDefault(Bid.Vm);

        public Forecast? Forecast => HostPlanner.Fresh(Planned.Forecasts.GetValueOrDefault(Bid.Vm), Planned.At.Now);

        /// <summary>The size that it would get if only the guest's own demand counted, or the size that the operator set.</summary>
        public MemorySize Wanted => Vm.OperatorTarget ?? Forecast?.Demand.RoundUp(Planned.Settings.Step) ?? Bid.Want;
    }

    public static ImmutableArray<Hold> Of(in Case c)
    {
        var holds = ImmutableArray.CreateBuilder<Hold>();
        Confirmation(c, holds);
        if (c.Vm.OperatorTarget is { } own)
            holds.Add(new(HoldKind.Operator, own));
        if (c.Planned.Settings.Law is { } law)
            holds.Add(new(HoldKind.Policy, Word: law));
        else if (c.Forecast is null && c.Vm.OperatorTarget is null && c.Report?.Confirmation is not null)
            holds.Add(new(HoldKind.Unforeseen));
        Bounds(c, holds);
        Room(c, holds);
        Shrinks(c, holds);
        return holds.Count == 0 ? [] : holds.ToImmutable();
    }

    private static void Confirmation(in Case c, ImmutableArray<Hold>.Builder holds)
    {
        if (c.Report is not { } report)
        {
            holds.Add(new(HoldKind.Unheard));
            return;
        }

        HoldKind? kind = report.Stopping ? HoldKind.Stopping : report.Phase switch
        {
            VmPhase.Booting => HoldKind.Booting,
            VmPhase.Stuck => HoldKind.Stuck,
            VmPhase.Uncooperative => HoldKind.Uncooperative,
            VmPhase.Lost => HoldKind.Lost,
            VmPhase.Paused => HoldKind.Paused,
            _ => report.Confirmation is null ? HoldKind.Unheard : null,
        };
        if (kind is { } standing)
            holds.Add(new(standing, Word: report.Why));
    }

    private static void Bounds(in Case c, ImmutableArray<Hold>.Builder holds)
    {
        var (bid, policy) = (c.Bid, c.Vm.Policy);
        if (!bid.Movable)
            return;
        var most = VmLimit.Most(c.Report?.Cost, c.Planned.State.Ledger.Claims[bid.Vm]);
        if (c.Allotment.Ruling == Ruling.Limited || (most == bid.Max && most < policy.Max && c.Wanted > bid.Max))
            holds.Add(new(HoldKind.ControlGroup, bid.Max));
        else if (c.Vm.OperatorTarget is null && bid.Max < policy.Max && c.Wanted > bid.Max)
            holds.Add(new(HoldKind.Reach, bid.Max, c.Report?.Warnings is { IsEmpty: false } warnings ? warnings[0] : null));
        else if (c.Wanted > policy.Max)
            holds.Add(new(HoldKind.Max, policy.Max));
        if (c.Wanted < bid.Min && c.Allotment.Target == bid.Min)
            holds.Add(new(HoldKind.Min, bid.Min));
    }

    /// <summary>Adds the reasons why it does not get, or not yet, what it wants within its bounds.</summary>
    private static void Room(in Case c, ImmutableArray<Hold>.Builder holds)
    {
        var (bid, plan, state) = (c.Bid, c.Allotment, c.Planned.State);
        var lacking = bid.Want.Clamp(bid.Min, bid.Max).MinusOrZero(plan.Target);
        if (plan.Ruling == Ruling.FairShare && !lacking.IsZero)
            holds.Add(new(HoldKind.Shortage, lacking));
        else if (plan is { Ruling: Ruling.Demand, Urgent: false } && !lacking.IsZero)
            holds.Add(new(HoldKind.Cushion, lacking));
        if (!state.Ledger.Deficit.IsZero && plan.Target > c.Vm.Promise.Granted)
            holds.Add(new(HoldKind.Deficit, state.Ledger.Deficit));
        if (c.Wait is { } wait)
        {
            // A VM does not wait for memory that it owes itself.
            var own = c.Bid.Vm;
            holds.Add(new(HoldKind.Peers, wait.Missing) { From = wait.From.RemoveAll(g => g.Vm == own) });
        }
        else if (DeadBand(c) is { IsZero: false } small)
        {
            holds.Add(new(HoldKind.DeadBand, small));
        }

        if (c.Planned.Plan.Gathering is { } coming && (c.Wait is { Urgent: false } || !lacking.IsZero))
            holds.Add(new(HoldKind.Gathering, Word: coming.Name));
        if (c.Planned.Held.TryGetValue(bid.Vm, out var since))
            holds.Add(new(HoldKind.Turn, c.Vm.Promise.Target) { Since = since });
    }

    /// <summary>Returns an amount that is too small to be moved: the planner does not ask for it, or the last target stands.</summary>
    private static MemorySize DeadBand(in Case c)
    {
        var (bid, plan, target) = (c.Bid, c.Allotment.Target, c.Vm.Promise.Target);
        if (!bid.Movable || c.Report?.Confirmation is null)
            return MemorySize.Zero;
        if (c.Vm.OperatorTarget is null && c.Planned.Settings.Law is null && bid.Want == bid.Held && c.Forecast?.Demand > bid.Held)
            return c.Forecast.Demand - bid.Held;
        return c.Allotment.Ruling != Ruling.Keep && plan > target && plan - target < c.Planned.Settings.Step ? plan - target
            : MemorySize.Zero;
    }

    private static void Shrinks(in Case c, ImmutableArray<Hold>.Builder holds)
    {
        if (c.Planned.Plan.Slowed?.Contains(c.Bid.Vm) == true)
            holds.Add(new(HoldKind.Slowly, c.Allotment.Target.MinusOrZero(c.Bid.Want)));
        if (c.Vm.Promise is var promise && promise.Target < promise.Granted)
            holds.Add(new(HoldKind.Unconfirmed, promise.Granted - promise.Target));
    }
}
