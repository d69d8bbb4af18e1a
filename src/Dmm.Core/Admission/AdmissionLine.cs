using Dmm.Core.Memory;

namespace Dmm.Core.Admission;

/// <summary>Rules by which the queue is served.</summary>
/// <param name="AtOnce">The number of requests for which memory is gathered at the same time.</param>
/// <param name="Launches">The number of VMs that are launched at the same time.</param>
/// <param name="Step">The least amount that a peer is asked for; all amounts are multiples of it.</param>
/// <param name="HarmWeight">As the arbiter's utility weight.</param>
public sealed record QueueRules(int AtOnce, int Launches, MemorySize Step, double HarmWeight);

/// <summary>The next thing to do for one request. Each becomes one event of the journal.</summary>
public abstract record QueueMove(VmId Vm)
{
    public sealed record Plan(VmId Vm, RoomPlan Room) : QueueMove(Vm);

    public sealed record Wait(VmId Vm, WaitCause Cause, string Why) : QueueMove(Vm);

    public sealed record Reserve(VmId Vm, MemorySize Boot, MemorySize Size) : QueueMove(Vm);

    public sealed record Launch(VmId Vm) : QueueMove(Vm);
}

/// <summary>
/// The requests of a host in order: the highest priority first, and among equals the one that came first. Free memory, and memory that
/// peers still owe, is shared out in that order; each request gets what it lacks from what those before it leave. So a small request passes
/// a large one only with memory that the large one does not gather: free memory kept for the large one, and memory that its peers are
/// counted on to give, is not touched. A request that waits because its peers can't give keeps everything: nobody behind it starts until it
/// has its memory, or has given up at its deadline.
/// </summary>
public sealed class AdmissionLine
{
    /// <summary>
    /// A plan that no longer holds is replaced at most this often, so that a guest with changing figures doesn't fill the journal.
    /// </summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.5);

    /// <summary>Devices change size in blocks of this size: an early start is rounded down to it.</summary>
    private static readonly MemorySize Block = MemorySize.FromMiB(2);

    private readonly AdmissionRecord[] _line;
    private readonly IReadOnlyList<Peer> _peers;
    private readonly Dictionary<VmId, Peer> _byName;
    private readonly MemorySize _room;
    private readonly QueueRules _rules;
    private readonly bool _lawDecides;
    private readonly string _keepers;
    private readonly Dictionary<VmId, MemorySize> _levels = [];
    private readonly HashSet<VmId> _moving;
    private readonly MemorySize _soon;
    private MemorySize _free;
    private int _gathering;
    private AdmissionRecord? _blocked;

    /// <param name="room">The memory that the guarantees of the running VMs leave (<see cref="AdmissionRules.Room"/>).</param>
    /// <param name="lawDecides">True where a law other than DMM's own decides which VMs give (<c>dmm.policy</c>).</param>
    /// <param name="soon">Memory that comes back without any VM giving any: leases.</param>
    public AdmissionLine(
        Ledger ledger, IEnumerable<AdmissionRecord> admissions, IReadOnlyList<Peer> peers, MemorySize room, QueueRules rules,
        bool lawDecides, MemorySize soon = default)
    {
        (_peers, _room, _rules, _lawDecides, _soon) = (peers, room, rules, lawDecides, soon);
        _line = [.. InOrder(admissions)];
        _byName = peers.ToDictionary(peer => peer.Bid.Vm);
        _moving = [.. _line.SelectMany(a => a.Plan?.From ?? []).Select(part => part.Vm)];
        _free = ledger.Free;
        _keepers = Guarantees.Keepers(ledger);
    }

    public static IEnumerable<AdmissionRecord> InOrder(IEnumerable<AdmissionRecord> admissions) =>
        admissions.OrderByDescending(a => a.Spec.Priority).ThenBy(a => a.Number);

    /// <summary>
    /// Returns the next step, or null where nothing is to be done now. A queue answers only once: after a step, make a new queue.
    /// </summary>
    public QueueMove? Next(Moment now)
    {
        var launching = _line.Count(a => a.State == AdmissionState.Launching);
        foreach (var admission in _line)
        {
            if (admission.State == AdmissionState.Reserved && launching < _rules.Launches)
                return new QueueMove.Launch(admission.Spec.Id);
        }

        foreach (var admission in _line)
        {
            if (admission.State.Seeks() && Look(admission, now) is { } move)
                return move;
        }

        return null;
    }

    /// <summary>Returns the first step that a request would get if it came last now.</summary>
    public QueueMove Foresee(AdmissionRecord asked, Moment now)
    {
        foreach (var admission in _line)
        {
            if (!admission.State.Seeks() || admission.Spec.Priority < asked.Spec.Priority)
                continue;
            switch (Look(admission, now))
            {
                case QueueMove.Plan plan:
                    Keep(admission, plan.Room, Covers(plan.Room));
                    break;
                case QueueMove.Reserve reserve:
                    _free = _free.MinusOrZero(reserve.Size);
                    break;
            }
        }

        return Look(asked, now)!;
    }

    private QueueMove? Look(AdmissionRecord a, Moment now)
    {
        if (_blocked is { } first)
            return Waits(a, WaitCause.BehindOthers, $"{first.Spec.Id} is before it in the queue and waits");
        if (Starts(a) is { } start)
            return start;
        // For a moment, no peer is asked for what comes back by itself.
        if (a.Plan is null && a.Size > _free && a.Size <= _free + _soon && now - a.At < Pause)
        {
            _blocked = a;
            return null;
        }

        if (a.Plan is { } plan)
        {
            var covers = Covers(plan);
            var late = !plan.Late && now + RoomPlanner.Takes(plan, _byName) > a.Deadline;
            if (_lawDecides || (_free + covers >= plan.For && !late) || now - a.Since < Pause)
            {
                Keep(a, plan, covers);
                return null;
            }
        }

        // The figures of its peers change all the time: the last answer stands for one pause.
        if (a.Cause == WaitCause.PeersCanNot && now - a.Since < Pause)
            return Waits(a, WaitCause.PeersCanNot, a.Why ?? "");
        return Plan(a, now);
    }

    /// <summary>Returns a start where the request has its memory: all of it, or, if it may start early, enough.</summary>
    private QueueMove.Reserve? Starts(AdmissionRecord a)
    {
        if (a.Spec.Policy.Min + a.Overhead > _room)
            return null;
        if (a.Size <= _free)
            return new(a.Spec.Id, a.Spec.Boot, a.Size);
        if (a.LeastSize > _free)
            return null;
        var boot = MemorySize.Max((_free - a.Overhead).RoundDown(Block), a.LeastSize - a.Overhead);
        return new(a.Spec.Id, boot, boot + a.Overhead);
    }

    private QueueMove? Plan(AdmissionRecord a, Moment now)
    {
        if (a.State != AdmissionState.Planned && a.State != AdmissionState.Shrinking && _gathering >= _rules.AtOnce)
            return Waits(a, WaitCause.BehindOthers, $"memory is gathered for {_gathering} first");
        if (_lawDecides)
            return new QueueMove.Plan(a.Spec.Id, new(a.Size, [], TimeSpan.Zero, false));
        var missing = a.LeastSize.MinusOrZero(_free);
        if (a.LeastSize > _room)
        {
            return Waits(a, WaitCause.Guarantees,
                $"it lacks {missing}, and the guarantees of the VMs that run leave room for {_room} of the {a.LeastSize} that it needs: "
                    + $"one of them must end, or be guaranteed less{_keepers}");
        }

        var made = Room(a, a.Size, now) ?? (a.LeastSize < a.Size ? Room(a, a.LeastSize, now) : null);
        if (made is not null && !(a.Plan is { } before && before.Late && made.From.AsSpan().SequenceEqual(before.From.AsSpan())))
            return new QueueMove.Plan(a.Spec.Id, made);
        if (made is not null)
        {
            Keep(a, a.Plan!, Covers(a.Plan!));
            return null;
        }

        var most = RoomPlanner.Most(_peers, _levels, _rules.Step);
        return Waits(
            a, WaitCause.PeersCanNot,
            $"it lacks {missing}, and its peers can give {most} now; they use the rest, or it can't be moved{_keepers}");
    }

    private MemorySize Covers(RoomPlan plan) => RoomPlanner.Covers(plan, _byName, _levels, _rules.Step);

    private RoomPlan? Room(AdmissionRecord a, MemorySize goal, Moment now) =>
        RoomPlanner.Make(goal, goal.MinusOrZero(_free), _peers, _levels, _moving, a.Deadline - now, _rules.Step, _rules.HarmWeight);

    /// <summary>
    /// Keeps from the requests behind this one the memory that it gathers: free memory, less what its peers are counted on to give, and the
    /// memory that those peers give.
    /// </summary>
    private void Keep(AdmissionRecord a, RoomPlan plan, MemorySize covers)
    {
        _free = _free.MinusOrZero(plan.For.MinusOrZero(covers));
        _gathering++;
        foreach (var part in plan.From)
            _levels[part.Vm] = _levels.TryGetValue(part.Vm, out var level) ? MemorySize.Min(level, part.To) : part.To;
        if (_lawDecides)
            _blocked = a;
    }

    private QueueMove.Wait? Waits(AdmissionRecord a, WaitCause cause, string why)
    {
        _blocked ??= a;
        return a is { State: AdmissionState.Waiting, Cause: { } known } && known == cause ? null
            : new QueueMove.Wait(a.Spec.Id, cause, why);
    }
}
