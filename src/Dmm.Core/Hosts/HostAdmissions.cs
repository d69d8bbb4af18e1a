using System.Collections.Immutable;
using Dmm.Core.Admission;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// Translates between the host's state and the steps of requests, and tells what plans for new VMs mean for the running ones. Pure.
/// </summary>
public static class HostAdmissions
{
    /// <summary>Why a host that is drained creates no VM.</summary>
    public const string WhyDrained = "this host is drained and takes no VM; 'dmm host undrain' takes it back into service";

    /// <summary>Returns the next step of the queue; null where nothing is to be done.</summary>
    /// <param name="state">The host's state after the steps that were decided before this one.</param>
    /// <param name="host">The rest that is known of the host.</param>
    public static QueueMove? Next(HostState state, Host host, Moment now) =>
        state.Admissions.IsEmpty || state.Drain is not null ? null : QueueOf(state, host, now).Next(now);

    /// <summary>Returns the event that records a step in the journal.</summary>
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

    /// <summary>Explains why there can't be room for a VM as things stand; null where there can be.</summary>
    public static string? Never(HostState state, VmSpec spec, MemorySize overhead, MemorySize imageNeeds) =>
        AdmissionRules.Never(
            spec, overhead, imageNeeds, Room(state),
            state.Vms.Aggregate(MemorySize.Zero, (sum, vm) => sum + vm.Value.Policy.Min)) is { } why
            ? why + Guarantees.Keepers(state.Ledger)
            : null;

    /// <summary>
    /// Returns the state that an end leads to; null where that end is no longer possible (a launch either succeeds or fails by itself).
    /// </summary>
    public static AdmissionState? EndOf(AdmissionRecord admission, AdmissionEnd end) => AdmissionLife.After(admission.State, end switch
    {
        AdmissionEnd.Expired => AdmissionStep.Expire,
        AdmissionEnd.Cancelled => AdmissionStep.Cancel,
        _ => AdmissionStep.Fail,
    });

    /// <summary>Explains why its memory was not there in time: which peers still owe how much, or what it waited for.</summary>
    public static string WhyExpired(AdmissionRecord admission, HostState state)
    {
        const string Late = "its memory was not there before its deadline";
        if (state.Drain is not null)
            return $"it was not created before its deadline: {WhyDrained}";
        if (admission.Plan is not { } plan)
            return admission.Why is { } why ? $"{Late}: {why}" : Late;
        var owing = plan.From.Where(part => !Outstanding(part, state).IsZero)
            .Select(part => $"{part.Vm} gave {part.Size.MinusOrZero(Outstanding(part, state))} of {part.Size}");
        return $"{Late}: {plan.For.MinusOrZero(state.Ledger.Free)} of {plan.For} were missing; {string.Join(", ", owing)}".TrimEnd(' ', ';')
            + Guarantees.Keepers(state.Ledger);
    }

    /// <summary>Returns how much of a contribution has not come yet.</summary>
    public static MemorySize Outstanding(Contribution part, HostState state) => state.Ledger.Claims.TryGetValue(part.Vm, out var claim)
        ? part.Outstanding(claim.Taken)
        : MemorySize.Zero;

    /// <summary>Tells what would happen to a request that came now. Nothing is written.</summary>
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
        // Leases come back at once.
        state = state with { Ledger = state.Ledger.Unleased() };
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

    /// <summary>Returns the bid of a VM that makes room: its max is lowered to its goal, unless it is in need itself.</summary>
    public static Bid Bound(Bid bid, List<AdmissionRecord> gathered)
    {
        if (gathered.Count == 0 || bid.Urgent || Goal(bid.Vm, gathered) is not { } goal)
            return bid;
        goal = MemorySize.Max(goal, bid.Min);
        // If a part of the goal never comes, the plan notices that and is replaced.
        return goal >= bid.Max ? bid : bid with { Max = goal, TakenTo = MemorySize.Min(bid.TakenTo, goal) };
    }

    /// <summary>Marks the VMs that shrink because of such a plan.</summary>
    public static void Name(Allotment[] plan, List<Bid> bids, List<AdmissionRecord> gathered)
    {
        for (var i = 0; i < plan.Length && gathered.Count > 0; i++)
        {
            if (plan[i].Ruling == Ruling.Keep && plan[i].Target < bids[i].Held && Goal(plan[i].Vm, gathered) is not null)
                plan[i] = plan[i] with { Ruling = Ruling.MakesRoom };
        }
    }

    /// <summary>Returns what each request still lacks, after those before it have taken the free memory.</summary>
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
        var soon = state.Vms.Aggregate(
            MemorySize.Zero, (sum, vm) => sum + state.Ledger.Claims[vm.Key] switch
            {
                var claim => claim.Held.MinusOrZero(MemorySize.Max(claim.Actual + claim.Returnable, vm.Value.Promise.Target)),
            });
        return new(state.Ledger, state.Admissions.Values, peers, Room(state), settings.Queue, settings.Law is not null, soon);
    }

    private static Peer PeerOf(Bid bid, VmProtocol.Report? report, ShrinkHistory? mover) =>
        new(report is { Phase: VmPhase.Stuck } ? bid with { Movable = false } : bid, mover ?? new(), report is not null);
}
