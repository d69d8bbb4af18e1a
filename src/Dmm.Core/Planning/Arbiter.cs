using Dmm.Core.Vms;

namespace Dmm.Core.Planning;

/// <summary>
/// Decides how much memory each VM should have. If there is enough for all, each VM gets what it wants, and idle memory stays where it is
/// until another VM needs it. If not, the arbiter first takes slack, the largest first, so that few VMs have to move; then memory that
/// was used lately but is not used now. If that is still too little, it applies weighted max-min fairness by shares: first between min
/// and need, then, with what is left, between need and want, so that one VM's headroom never costs another its working set. A VM that
/// holds more than its fair share gives only what others lack; those with the largest excess give first.
/// <para>
/// Where lack of memory was measured to hurt, a MiB weighs more (<see cref="UtilityWeight"/>), but within bounds, since guests are not
/// trusted. No VM is planned below what its guest can give (<see cref="Bid.TakenTo"/>): otherwise memory that never comes would be
/// promised to others.
/// </para>
/// <para>
/// The cost is O(n), and nothing is allocated once the buffers have grown. The result is deterministic: the same bids at the same turn
/// give the same plan, and equals take turns. An arbiter is not safe for use by several threads at once.
/// </para>
/// </summary>
/// <param name="utilityWeight">
/// The most that a VM's shares are multiplied by, for the VM that a missing MiB hurts most; 1 is plain shares.
/// </param>
public sealed class Arbiter(double utilityWeight = Arbiter.DefaultUtilityWeight)
{
    public const double DefaultUtilityWeight = 4;

    /// <summary>The part of a step that is enough to move a VM that lacks memory it needs.</summary>
    internal const double ShortStep = 0.25;

    private readonly Ranking _ranking = new();
    private readonly WaterFilling _waterFilling = new();
    private Allotment[] _plan = [];
    private double[] _harms = [];
    private MemorySize[] _sizes = [];
    private MemorySize[] _floors = [];
    private MemorySize[] _needs = [];
    private MemorySize _step;
    private int _turn;

    public double UtilityWeight { get; } = utilityWeight >= 1
        ? utilityWeight
        : throw new ArgumentOutOfRangeException(nameof(utilityWeight), utilityWeight, "it must be 1 (plain shares) or more");

    /// <summary>Makes one plan in a new buffer, at the first turn.</summary>
    /// <inheritdoc cref="Decide"/>
    public static Allotment[] Plan(ReadOnlySpan<Bid> bids, MemorySize budget, MemorySize cushion) =>
        new Arbiter().Decide(bids, budget, cushion).ToArray();

    /// <param name="budget">Memory for all guests together; what is kept for VMs to come is already taken off.</param>
    /// <param name="cushion">Memory kept free below the budget; only urgent growth may use it.</param>
    /// <param name="step">
    /// The smallest headroom above a VM's present memory that is worth a resize; and the unit in which memory is taken, where there is as
    /// much.
    /// </param>
    /// <param name="spare">
    /// Slack is taken back until this much of the budget is free, or the cushion, if that is more. Growth may use this memory down to the
    /// cushion.
    /// </param>
    /// <returns>The allotments in the order of the bids; valid until the next call.</returns>
    public ReadOnlySpan<Allotment> Decide(
        ReadOnlySpan<Bid> bids, MemorySize budget, MemorySize cushion, MemorySize step = default, MemorySize spare = default)
    {
        Grow(bids.Length);
        _step = step;
        _turn = _turn == int.MaxValue ? 0 : _turn + 1;
        var plan = _plan.AsSpan(0, bids.Length);
        var (total, growth, urgent, stays) = (MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);
        for (var i = 0; i < bids.Length; i++)
        {
            ref readonly var bid = ref bids[i];
            var want = bid.Want.Clamp(bid.Min, bid.Max);
            // A VM below its min (the min was raised) is owed it, whatever its guest uses.
            var held = MemorySize.Min(bid.Held, bid.Max);
            plan[i] = !bid.Movable ? new(bid.Vm, bid.Held, Ruling.Immovable, false)
                : want > held ? new(bid.Vm, want, Ruling.Demand, bid.Urgent)
                : new(bid.Vm, held, Ruling.Keep, false);
            total += plan[i].Target;
            if (bid.Movable)
                stays += MemorySize.Min(bid.TakenTo, bid.Held).MinusOrZero(bid.Max);
            if (plan[i].Ruling != Ruling.Demand)
                continue;
            growth += want - held;
            if (plan[i].Urgent)
                urgent += want - held;
        }

        // A VM whose max was lowered is asked for its excess, whatever the guest says. Memory that the guest can't give is not counted
        // on.
        budget = budget.MinusOrZero(stays);
        var limit = budget.MinusOrZero(cushion.MinusOrZero(urgent));
        total -= Give(bids, plan, total.MinusOrZero(MemorySize.Min(limit, budget.MinusOrZero(spare))), Ruling.GivesSlack);
        // The cushion is filled from slack alone. Memory that was used lately is taken only for growth.
        total -= Give(
            bids, plan, MemorySize.Max(total.MinusOrZero(budget), MemorySize.Min(total.MinusOrZero(limit), growth)), Ruling.GivesPast);
        // Ordinary growth does not use the cushion, but no VM is cut below its demand to fill the cushion.
        if (total > budget)
            Share(bids, plan, budget);
        else if (total > limit)
            CutGrowth(bids, plan, total - limit);
        return plan;
    }

    /// <summary>
    /// The memory of a VM above its min, in bytes a share: the λ of max-min fairness. The VM with the lowest level is the poorest.
    /// </summary>
    public static double Level(MemorySize held, VmPolicy policy) => (double)held.MinusOrZero(policy.Min).Bytes / policy.Shares;

    /// <summary>
    /// Orders the VMs that are to get memory when it comes back in parts: urgent ones first, then the poorest (<see cref="Level"/>), as
    /// max-min fairness fills. A VM that was given something is richer afterwards, so that every VM gets its turn. The name decides
    /// between equals.
    /// </summary>
    public static int First(double levelA, Allotment a, double levelB, Allotment b) =>
        a.Urgent != b.Urgent ? b.Urgent.CompareTo(a.Urgent)
        : levelA.CompareTo(levelB) is not 0 and var poorer ? poorer
        : a.Vm.CompareTo(b.Vm);

    /// <summary>
    /// Takes up to <paramref name="missing"/> from the VMs above their floor, the largest excess first, so that few have to move; equals
    /// take turns. Returns the amount found.
    /// </summary>
    private MemorySize Give(ReadOnlySpan<Bid> bids, Span<Allotment> plan, MemorySize missing, Ruling ruling)
    {
        if (missing.IsZero)
            return MemorySize.Zero;
        var all = MemorySize.Zero;
        for (var i = 0; i < bids.Length; i++)
        {
            ref readonly var bid = ref bids[i];
            _sizes[i] = !bid.Movable || plan[i].Ruling == Ruling.Demand ? MemorySize.Zero
                : plan[i].Target.MinusOrZero(FloorOf(bid, ruling));
            all += _sizes[i];
        }

        if (all <= missing)
            return GiveAll(plan, all, ruling);
        return Take(bids, plan, missing, ruling);
    }

    /// <summary>Takes all that can be given, where that is not more than what is missing: no order is needed.</summary>
    private MemorySize GiveAll(Span<Allotment> plan, MemorySize all, Ruling ruling)
    {
        for (var i = 0; i < plan.Length; i++)
        {
            if (!_sizes[i].IsZero)
                plan[i] = plan[i] with { Target = plan[i].Target - _sizes[i], Ruling = ruling };
        }

        return all;
    }

    /// <summary>
    /// Takes memory first from VMs that were already asked for it, then from others: if the givers changed with every plan, they would
    /// only cause work.
    /// </summary>
    private MemorySize Take(ReadOnlySpan<Bid> bids, Span<Allotment> plan, MemorySize missing, Ruling ruling)
    {
        if (missing.IsZero)
            return MemorySize.Zero;
        var found = TakeLargest(bids, plan, missing, ruling, asked: true);
        return found < missing ? found + TakeLargest(bids, plan, missing - found, ruling, asked: false) : found;
    }

    /// <summary>
    /// Takes from the VM with the largest part first, up to what each can give (<see cref="_sizes"/>). With <c>asked</c>, takes only what
    /// a VM was already asked for.
    /// </summary>
    private MemorySize TakeLargest(ReadOnlySpan<Bid> bids, Span<Allotment> plan, MemorySize missing, Ruling ruling, bool asked)
    {
        _ranking.Clear();
        for (var (n, i) = (0, FirstInTurn(bids.Length)); n < bids.Length; n++, i = i + 1 < bids.Length ? i + 1 : 0)
        {
            if (!_sizes[i].IsZero && PartOf(bids[i], _sizes[i], asked) is { IsZero: false } part)
                _ranking.AddDescending(part, i);
        }

        var found = MemorySize.Zero;
        foreach (ref readonly var giver in _ranking.Sorted())
        {
            if (found >= missing)
                break;
            var i = giver.Item;
            var part = MemorySize.Min(PartOf(bids[i], _sizes[i], asked), MemorySize.Max(_step, missing - found));
            plan[i] = plan[i] with { Target = plan[i].Target - part, Ruling = ruling };
            _sizes[i] -= part;
            found += part;
        }

        return found;
    }

    private static MemorySize PartOf(in Bid bid, MemorySize size, bool asked) => asked ? MemorySize.Min(size, bid.Held - bid.Asked) : size;

    /// <summary>The bid that comes first among equals; it moves on from plan to plan.</summary>
    private int FirstInTurn(int count) => count == 0 ? 0 : (count - (_turn % count)) % count;

    /// <summary>The least that a VM is planned with: its min, or what it holds and can't give, if that is more.</summary>
    private static MemorySize FloorOf(in Bid bid) => MemorySize.Min(bid.TakenTo, bid.Held).Clamp(bid.Min, bid.Max);

    private static MemorySize FloorOf(in Bid bid, Ruling ruling) =>
        MemorySize.Max(FloorOf(bid), (ruling == Ruling.GivesSlack ? MemorySize.Max(bid.ShrinkTo, bid.Want) : bid.Want)
            .Clamp(bid.Min, bid.Max));

    /// <summary>
    /// Rounds a fair share down to whole steps (below need: to parts of a step), since fair shares change by a few bytes whenever any
    /// VM's use changes.
    /// </summary>
    private MemorySize Steady(in Bid bid, MemorySize fair, MemorySize floor, MemorySize need)
    {
        if (_step.IsZero || fair <= floor || fair >= bid.Want.Clamp(bid.Min, bid.Max))
            return fair;
        return fair < need ? MemorySize.Max(floor, fair.RoundDown(_step.Scale(ShortStep)))
            : MemorySize.Max(MemorySize.Max(floor, need), fair.RoundDown(_step));
    }

    /// <summary>
    /// Cuts ordinary growth by the amount that it would take from the cushion, the richest VM's first (<see cref="Level"/>).
    /// </summary>
    private void CutGrowth(ReadOnlySpan<Bid> bids, Span<Allotment> plan, MemorySize over)
    {
        _ranking.Clear();
        for (var (n, i) = (0, FirstInTurn(bids.Length)); n < bids.Length; n++, i = i + 1 < bids.Length ? i + 1 : 0)
        {
            if (plan[i].Ruling == Ruling.Demand && !plan[i].Urgent)
                _ranking.AddDescending((double)bids[i].Held.MinusOrZero(bids[i].Min).Bytes / bids[i].Shares, i);
        }

        foreach (ref readonly var richest in _ranking.Sorted())
        {
            var i = richest.Item;
            var part = MemorySize.Min(over, plan[i].Target.MinusOrZero(MemorySize.Max(bids[i].Held, bids[i].Min)));
            plan[i] = plan[i] with { Target = plan[i].Target - part };
            over -= part;
            if (over.IsZero)
                break;
        }
    }

    /// <summary>
    /// Fills all VMs from their min up to their need; if the budget is enough for that, from need up to want. A VM that holds more than
    /// its part and can't give it keeps it, and the others share what is left.
    /// </summary>
    private void Share(ReadOnlySpan<Bid> bids, Span<Allotment> plan, MemorySize budget)
    {
        var (needs, most) = (MemorySize.Zero, 0.0);
        for (var i = 0; i < bids.Length; i++)
        {
            ref readonly var bid = ref bids[i];
            if (!bid.Movable)
            {
                budget = budget.MinusOrZero(bid.Held);
                continue;
            }

            (_floors[i], _needs[i]) = (FloorOf(bid), bid.Need.Clamp(bid.Min, bid.Max));
            needs += MemorySize.Max(_floors[i], _needs[i]);
            most = Math.Max(most, _harms[i] = HarmOfEachMiB(bid));
        }

        var enough = needs <= budget;
        _waterFilling.Clear();
        for (var i = 0; i < bids.Length; i++)
        {
            ref readonly var bid = ref bids[i];
            if (bid.Movable)
                _waterFilling.Add(
                    enough ? _needs[i] : bid.Min, _floors[i], enough ? bid.Want.Clamp(bid.Min, bid.Max) : _needs[i],
                    WeightOf(bid, _harms[i], most));
        }

        _waterFilling.Fill(budget);
        Settle(bids, plan, budget);
    }

    /// <summary>
    /// Makes the plan from the fair shares. A VM above its fair share keeps what it has, as far as it wants it, except for what the
    /// others lack. That is taken from the VMs that are furthest above, so that few have to move. A VM is not moved for a little more
    /// headroom.
    /// </summary>
    /// <param name="budget">Memory for the VMs that can be moved.</param>
    private void Settle(ReadOnlySpan<Bid> bids, Span<Allotment> plan, MemorySize budget)
    {
        var (total, number) = (MemorySize.Zero, 0);
        for (var i = 0; i < bids.Length; i++)
        {
            ref readonly var bid = ref bids[i];
            _sizes[i] = MemorySize.Zero;
            if (!bid.Movable)
                continue;
            var fair = Steady(bid, _waterFilling[number++], _floors[i], _needs[i]);
            var held = MemorySize.Max(_floors[i], MemorySize.Min(bid.Held, bid.Want).Clamp(bid.Min, bid.Max));
            var lacks = held < bid.Need;
            var keeps = held >= fair || (!lacks && fair - held < _step) || (lacks && fair - held < _step.Scale(ShortStep));
            plan[i] = new(bid.Vm, keeps ? held : fair, Ruling.FairShare, bid.Urgent);
            _sizes[i] = plan[i].Target.MinusOrZero(fair);
            total += plan[i].Target;
        }

        Take(bids, plan, total.MinusOrZero(budget), Ruling.FairShare);
    }

    /// <summary>
    /// The weight of a VM: its shares, multiplied by more the more harm one MiB would spare it, up to <see cref="UtilityWeight"/> times
    /// for the VM with the largest harm for each missing MiB.
    /// </summary>
    private double WeightOf(in Bid bid, double harm, double most) => bid.Shares * (harm > 0 ? 1 + ((UtilityWeight - 1) * harm / most) : 1);

    /// <summary>
    /// The harm for each MiB that the VM lacks. The lack is rounded to a power of two, so that weights do not change with each MiB that
    /// moves.
    /// </summary>
    private static double HarmOfEachMiB(in Bid bid) =>
        bid.Harm > 0 ? Math.ScaleB(bid.Harm, -Math.ILogB(Math.Max(1, bid.Want.Clamp(bid.Min, bid.Max).MinusOrZero(bid.Held).Mebibytes)))
        : 0;

    private void Grow(int count)
    {
        if (_plan.Length >= count)
            return;
        Array.Resize(ref _plan, count);
        Array.Resize(ref _harms, count);
        Array.Resize(ref _sizes, count);
        Array.Resize(ref _floors, count);
        Array.Resize(ref _needs, count);
        _ranking.EnsureCapacity(count);
        _waterFilling.EnsureCapacity(count);
    }
}
