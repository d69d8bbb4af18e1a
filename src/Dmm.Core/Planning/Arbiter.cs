using Dmm.Core.Vms;

namespace Dmm.Core.Planning;

/// <summary>
/// Who should have how much. Enough memory: everyone gets what it wants, and what is idle stays where it is until somebody needs it. Less:
/// slack is taken, the largest first (few movers); then memory that was used lately but is not now; then everyone stands at weighted
/// max-min fairness by shares, first between min and need, and with what is left between need and want, so that nobody's headroom costs
/// another its working set; whoever has more than that gives only what others lack, those with most too much first.
/// Where a lack was measured to hurt, a MiB weighs more (<see cref="UtilityWeight"/>), within bounds, since guests are not trusted.
/// Nobody is planned with below what its guest can give (<see cref="Bid.TakenTo"/>): others would be promised memory that never comes.
/// O(n), and nothing is allocated once its buffers have grown. Deterministic: the same bids at the same turn give the same plan; equals
/// take turns. Not for several threads at once.
/// </summary>
/// <param name="utilityWeight">
/// How many times its shares a VM weighs at most where a lack of memory hurts it most for each MiB; 1 is plain shares.
/// </param>
public sealed class Arbiter(double utilityWeight = Arbiter.DefaultUtilityWeight)
{
    public const double DefaultUtilityWeight = 4;

    /// <summary>A VM that lacks memory it needs is moved for less than a step: for this part of one.</summary>
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

    /// <summary>One plan in a buffer of its own, at the first turn.</summary>
    /// <inheritdoc cref="Decide"/>
    public static Allotment[] Plan(ReadOnlySpan<Bid> bids, MemorySize budget, MemorySize cushion) =>
        new Arbiter().Decide(bids, budget, cushion).ToArray();

    /// <param name="budget">Memory for all guests together, what is kept for VMs to come already taken off.</param>
    /// <param name="cushion">Kept free below the budget; urgent growth alone takes of it.</param>
    /// <param name="step">
    /// Headroom that is less than this above what a VM holds is not worth a resize, and what is taken is taken in such steps where it is
    /// there.
    /// </param>
    /// <param name="spare">
    /// Slack is given back until so much of the budget is free; where it is less than the cushion, that counts. Growth may take of it down
    /// to the cushion.
    /// </param>
    /// <returns>In the order of the bids; valid until the next call.</returns>
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
            var held = bid.Held.Clamp(bid.Min, bid.Max);
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

        // A max that was lowered is asked for, whatever the guest says; what it can't give is not counted on.
        budget = budget.MinusOrZero(stays);
        var limit = budget.MinusOrZero(cushion.MinusOrZero(urgent));
        total -= Give(bids, plan, total.MinusOrZero(MemorySize.Min(limit, budget.MinusOrZero(spare))), Ruling.GivesSlack);
        // The cushion is filled from slack alone: what was used lately is given for growth.
        total -= Give(
            bids, plan, MemorySize.Max(total.MinusOrZero(budget), MemorySize.Min(total.MinusOrZero(limit), growth)), Ruling.GivesPast);
        // Ordinary growth does not take the cushion, but nobody is cut below demand to fill it.
        if (total > budget)
            Share(bids, plan, budget);
        else if (total > limit)
            CutGrowth(bids, plan, total - limit);
        return plan;
    }

    /// <summary>
    /// How far a VM stands above its guarantee for its weight: the λ of max-min fairness, in bytes a share. The lowest is the poorest.
    /// </summary>
    public static double Level(MemorySize held, VmPolicy policy) => (double)held.MinusOrZero(policy.Min).Bytes / policy.Shares;

    /// <summary>
    /// Who is given memory first when it comes back in parts: the urgent, then the poorest (<see cref="Level"/>), as max-min fairness
    /// fills. Whoever was given something is richer afterwards, so that everyone's turn comes. The name decides between equals.
    /// </summary>
    public static int First(double levelA, Allotment a, double levelB, Allotment b) =>
        a.Urgent != b.Urgent ? b.Urgent.CompareTo(a.Urgent)
        : levelA.CompareTo(levelB) is not 0 and var poorer ? poorer
        : a.Vm.CompareTo(b.Vm);

    /// <summary>
    /// Takes up to <paramref name="missing"/> from those above their floor, the largest excess first, so that few have to move; equals in
    /// turn. Returns what was found.
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

    /// <summary>Where all of it is too little there is no order to find.</summary>
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
    /// A part that was asked for already comes before what others might give: givers that change with every plan give nothing but work.
    /// </summary>
    private MemorySize Take(ReadOnlySpan<Bid> bids, Span<Allotment> plan, MemorySize missing, Ruling ruling)
    {
        if (missing.IsZero)
            return MemorySize.Zero;
        var found = TakeLargest(bids, plan, missing, ruling, asked: true);
        return found < missing ? found + TakeLargest(bids, plan, missing - found, ruling, asked: false) : found;
    }

    /// <summary>
    /// Takes the largest first, of what each could give (<see cref="_sizes"/>); with <c>asked</c>, only what it was asked for already.
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

    /// <summary>Who comes first among equals moves on from plan to plan.</summary>
    private int FirstInTurn(int count) => count == 0 ? 0 : (count - (_turn % count)) % count;

    /// <summary>Below this nobody is planned with: not below its min, nor below what it holds and can't give.</summary>
    private static MemorySize FloorOf(in Bid bid) => MemorySize.Min(bid.TakenTo, bid.Held).Clamp(bid.Min, bid.Max);

    private static MemorySize FloorOf(in Bid bid, Ruling ruling) =>
        MemorySize.Max(FloorOf(bid), (ruling == Ruling.GivesSlack ? MemorySize.Max(bid.ShrinkTo, bid.Want) : bid.Want)
            .Clamp(bid.Min, bid.Max));

    /// <summary>Fair shares move by some bytes with whatever anybody uses: only whole steps count, small ones below need.</summary>
    private MemorySize Steady(in Bid bid, MemorySize fair, MemorySize floor, MemorySize need)
    {
        if (_step.IsZero || fair <= floor || fair >= bid.Want.Clamp(bid.Min, bid.Max))
            return fair;
        return fair < need ? MemorySize.Max(floor, fair.RoundDown(_step.Scale(ShortStep)))
            : MemorySize.Max(MemorySize.Max(floor, need), fair.RoundDown(_step));
    }

    /// <summary>
    /// Ordinary growth waits where it would eat the cushion, the richest's first (<see cref="Level"/>): whoever grows is richer afterwards.
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
    /// From everyone's min up to its need; where that is enough for all, from there up to want. Whoever holds more than its part and can't
    /// give it keeps it, and the others share what that leaves.
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
    /// Everyone who stands above its fair share keeps what it has, as far as it wants it, but for what the others lack: that is taken from
    /// those that are furthest above, so that few have to move. A little more headroom is not worth a move.
    /// </summary>
    /// <param name="budget">Of those that can be moved.</param>
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
    /// Shares, raised where a MiB more would spare most harm: up to <see cref="UtilityWeight"/> times for the one that is hurt most by each
    /// MiB it lacks.
    /// </summary>
    private double WeightOf(in Bid bid, double harm, double most) => bid.Shares * (harm > 0 ? 1 + ((UtilityWeight - 1) * harm / most) : 1);

    /// <summary>The lack counts to a power of two, so that weights do not change with each MiB that moves.</summary>
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
