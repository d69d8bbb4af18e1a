using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// From what the host's actor knows to the next step of a request, and back: what plans for new VMs mean for those that run. Pure.
/// </summary>
public static class HostAdmissions
{
    /// <summary>The next step of the queue; null where nothing is to be done.</summary>
    /// <param name="state">The host's state with the steps that were decided before this one.</param>
    /// <param name="host">What else is known of the host.</param>
    public static QueueMove? Next(HostState state, Host host, Moment now) =>
        state.Admissions.IsEmpty ? null : QueueOf(state, host, now).Next(now);

    /// <summary>A step as it is written down.</summary>
    public static IHostEvent EventOf(QueueMove step, HostState state, DateTimeOffset at) => step switch
    {
        QueueMove.Plan plan => new AdmissionPlanned(at, plan.Vm, plan.Room, false),
        QueueMove.Wait wait => new AdmissionWaits(at, wait.Vm, wait.Cause, wait.Why),
        QueueMove.Reserve reserve => new MemoryReserved(at, reserve.Vm, reserve.Boot, reserve.Size),
        QueueMove.Launch launch => new LaunchBegun(at, launch.Vm, state.Admissions[launch.Vm].Reserved!.Value),
        _ => throw new ArgumentOutOfRangeException(nameof(step), step, "not a step of a request"),
    };

    /// <summary>The number of the next request.</summary>
    public static long NextNumber(HostState state) => state.Admissions.IsEmpty ? 1 : state.Admissions.Values.Max(a => a.Number) + 1;

    /// <summary>Why a VM can never be made room for as things stand; null where it can.</summary>
    public static string? Never(HostState state, VmSpec spec, MemorySize overhead, MemorySize imageNeeds) =>
        AdmissionRules.Never(
            spec, overhead, imageNeeds, Room(state),
            state.Vms.Aggregate(MemorySize.Zero, (sum, vm) => sum + vm.Value.Policy.Min)) is { } why
            ? why + Guarantees.Keepers(state.Ledger)
            : null;

    /// <summary>
    /// Where an end leads from here; null where it can't be had any more: a launch ends by itself, in one way or the other.
    /// </summary>
    public static AdmissionState? EndOf(AdmissionRecord admission, AdmissionEnd end) => AdmissionLife.After(admission.State, end switch
    {
        AdmissionEnd.Expired => AdmissionStep.Expire,
        AdmissionEnd.Cancelled => AdmissionStep.Cancel,
        _ => AdmissionStep.Fail,
    });

    /// <summary>Why its memory was not there in time: who still owes what, or what it waited for.</summary>
    public static string WhyExpired(AdmissionRecord admission, HostState state)
    {
        const string Late = "its memory was not there before its deadline";
        if (admission.Plan is not { } plan)
            return admission.Why is { } why ? $"{Late}: {why}" : Late;
        var owing = plan.From.Where(part => !Outstanding(part, state).IsZero)
            .Select(part => $"{part.Vm} gave {part.Size.MinusOrZero(Outstanding(part, state))} of {part.Size}");
        return $"{Late}: {plan.For.MinusOrZero(state.Ledger.Free)} of {plan.For} were missing; {string.Join(", ", owing)}".TrimEnd(' ', ';')
            + Guarantees.Keepers(state.Ledger);
    }

    /// <summary>What of a part has not come yet.</summary>
    public static MemorySize Outstanding(Contribution part, HostState state) => state.Ledger.Claims.TryGetValue(part.Vm, out var claim)
        ? part.Outstanding(MemorySize.Max(claim.Actual, claim.Granted))
        : MemorySize.Zero;

    /// <summary>What would become of a request that came now. Nothing is written.</summary>
    public static HostProtocol.DryRunResult Foresee(Host host, HostProtocol.DryRunVm asked, TimeSpan timeout, Moment now)
    {
        var (spec, state) = (asked.Spec, host.State);
        if (Never(state, spec, asked.Overhead, asked.ImageNeeds) is { } never)
            return new(spec.Id, Prospect.Refused, never, null, null);
        var record = new AdmissionRecord(spec, asked.Overhead, now, now + timeout, null)
        {
            Number = NextNumber(state),
            ImageNeeds = asked.ImageNeeds,
        };
        return QueueOf(state, host, now).Foresee(record, now) switch
        {
            QueueMove.Reserve reserve when reserve.Boot < spec.Boot =>
                new(spec.Id, Prospect.Starts, $"it would start at once with {reserve.Boot} and grow to {spec.Boot}", reserve.Boot, null),
            QueueMove.Reserve reserve =>
            new(spec.Id, Prospect.Starts, $"it would start at once: {state.Ledger.Free} are free", reserve.Boot, null),
            QueueMove.Plan { Room: var room } =>
            new(spec.Id, room.Late ? Prospect.Late : Prospect.Gathers, AdmissionWords.Of(room), null, room),
            QueueMove.Wait wait => new(spec.Id, Prospect.Waits, wait.Why, null, null),
            var other => throw new InvalidOperationException($"{other} is no first step of a request"),
        };
    }

    /// <summary>A bid of a VM that is to make room: its goal is the most that it may be, unless it is in need itself.</summary>
    public static Bid Bound(Bid bid, List<AdmissionRecord> gathered)
    {
        if (gathered.Count == 0 || bid.Urgent || Goal(bid.Vm, gathered) is not { } goal)
            return bid;
        goal = MemorySize.Max(goal, bid.Min);
        // If a part of it never comes, the plan notices and is made anew.
        return goal >= bid.Max ? bid : bid with { Max = goal, TakenTo = MemorySize.Min(bid.TakenTo, goal) };
    }

    /// <summary>Says where a VM shrinks because of such a plan.</summary>
    public static void Name(Allotment[] plan, List<Bid> bids, List<AdmissionRecord> gathered)
    {
        for (var i = 0; i < plan.Length && gathered.Count > 0; i++)
        {
            if (plan[i].Ruling == Ruling.Keep && plan[i].Target < bids[i].Held && Goal(plan[i].Vm, gathered) is not null)
                plan[i] = plan[i] with { Ruling = Ruling.MakesRoom };
        }
    }

    /// <summary>What each still lacks, once those before it have taken what is free.</summary>
    public static IEnumerable<Unmet> Missing(List<AdmissionRecord> gathered, MemorySize free)
    {
        foreach (var admission in gathered)
        {
            var missing = admission.Plan!.For.MinusOrZero(free);
            free = free.MinusOrZero(admission.Plan.For);
            if (!missing.IsZero)
                yield return new(admission.Spec.Id, missing, false);
        }
    }

    private static MemorySize? Goal(VmId vm, List<AdmissionRecord> gathered)
    {
        MemorySize? goal = null;
        foreach (var part in gathered.SelectMany(a => a.Plan!.From).Where(part => part.Vm == vm))
            goal = goal is { } other ? MemorySize.Min(other, part.To) : part.To;
        return goal;
    }

    private static MemorySize Room(HostState state) => AdmissionRules.Room(state.Ledger, state.Policies());

    private static AdmissionLine QueueOf(HostState state, Host host, Moment now)
    {
        var settings = host.SettingsNow;
        var peers = HostPlanner.Bids(state, host.Reports, host.Forecasts, settings, now)
            .Select(bid => PeerOf(bid, host.Reports.GetValueOrDefault(bid.Vm), host.Shrinks.GetValueOrDefault(bid.Vm)))
            .ToList();
        return new(state.Ledger, state.Admissions.Values, peers, Room(state), settings.Queue, settings.Law is not null);
    }

    private static Peer PeerOf(Bid bid, VmProtocol.Report? report, ShrinkHistory? mover) =>
        new(report is { Phase: VmPhase.Stuck } ? bid with { Movable = false } : bid, mover ?? new(), report is not null);
}
