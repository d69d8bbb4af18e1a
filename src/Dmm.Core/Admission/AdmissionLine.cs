using Dmm.Core.Memory;

namespace Dmm.Core.Admission;

/// <summary>How the queue is worked off.</summary>
/// <param name="AtOnce">For so many requests memory is gathered at once.</param>
/// <param name="Launches">So many are launched at once.</param>
/// <param name="Step">The least that a peer is asked for, and the grid of what it is.</param>
/// <param name="HarmWeight">As the arbiter's utility weight.</param>
public sealed record QueueRules(int AtOnce, int Launches, MemorySize Step, double HarmWeight);

/// <summary>What is to be done next for one request; each becomes one event of the journal.</summary>
public abstract record QueueMove(VmId Vm)
{
    public sealed record Plan(VmId Vm, RoomPlan Room) : QueueMove(Vm);

    public sealed record Wait(VmId Vm, WaitCause Cause, string Why) : QueueMove(Vm);

    public sealed record Reserve(VmId Vm, MemorySize Boot, MemorySize Size) : QueueMove(Vm);

    public sealed record Launch(VmId Vm) : QueueMove(Vm);
}

/// <summary>
/// The requests of a host in order: the highest priority first, within it who came first. Memory that is free, and memory that peers still
/// owe, is shared out in that order, and each request gets what it lacks from what those before it leave. So one that is small passes one
/// that is large only with memory that the large one does not gather: what is free already for it, and what its peers are counted on to
/// give, is not touched. One that waits because its peers can't give keeps everything: nobody behind it starts until it has, or has given
/// up by its deadline.
/// </summary>
public sealed class AdmissionLine
{
    /// <summary>
    /// A plan that no longer holds is made anew at most this often, so that a guest that wavers doesn't fill the journal.
    /// </summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.5);

    /// <summary>Devices move in blocks of this: an early start is rounded down to it.</summary>
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
    private MemorySize _free;
    private int _gathering;
    private AdmissionRecord? _blocked;

    /// <param name="room">What the guarantees of the VMs that run leave (<see cref="AdmissionRules.Room"/>).</param>
    /// <param name="lawDecides">Another law than DMM's own decides who gives (<c>dmm.policy</c>).</param>
    public AdmissionLine(
        Ledger ledger, IEnumerable<AdmissionRecord> admissions, IReadOnlyList<Peer> peers, MemorySize room, QueueRules rules,
        bool lawDecides)
    {
        (_peers, _room, _rules, _lawDecides) = (peers, room, rules, lawDecides);
        _line = [.. InOrder(admissions)];
        _byName = peers.ToDictionary(peer => peer.Bid.Vm);
        _moving = [.. _line.SelectMany(a => a.Plan?.From ?? []).Select(part => part.Vm)];
        _free = ledger.Free;
        _keepers = Guarantees.Keepers(ledger);
    }

    public static IEnumerable<AdmissionRecord> InOrder(IEnumerable<AdmissionRecord> admissions) =>
        admissions.OrderByDescending(a => a.Spec.Priority).ThenBy(a => a.Number);

    /// <summary>
    /// The next step, or null where nothing is to be done now. A queue answers one question: after a step a new one is asked.
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

    /// <summary>What would become of one that asked last: the step that would be its first.</summary>
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

        // Its peers waver; what they said a moment ago stands for so long.
        if (a.Cause == WaitCause.PeersCanNot && now - a.Since < Pause)
            return Waits(a, WaitCause.PeersCanNot, a.Why ?? "");
        return Plan(a, now);
    }

    /// <summary>It has its memory: all of it, or, where it may start early, enough.</summary>
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
            return Waits(a, WaitCause.BehindOthers, $"memory is gathered for {_gathering} before it");
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
            $"it lacks {missing}, and its peers can be counted on for {most} now; the rest they use, or can't be moved{_keepers}");
    }

    private MemorySize Covers(RoomPlan plan) => RoomPlanner.Covers(plan, _byName, _levels, _rules.Step);

    private RoomPlan? Room(AdmissionRecord a, MemorySize goal, Moment now) =>
        RoomPlanner.Make(goal, goal.MinusOrZero(_free), _peers, _levels, _moving, a.Deadline - now, _rules.Step, _rules.HarmWeight);

    /// <summary>
    /// What it gathers is not there for those behind it: what is free already, but for what its peers are counted on to give, and what they
    /// give.
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
