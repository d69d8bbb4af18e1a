using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Arbitration;

/// <summary>One VM as the arbiter sees it. Sizes are actual sizes, without overhead.</summary>
/// <param name="Held">What it holds of the host now: the larger of actual and granted.</param>
/// <param name="Want">What it should have, if there is enough.</param>
/// <param name="ShrinkTo">Down to here taking is not expected to hurt; at least <paramref name="Want"/>.</param>
/// <param name="Movable">False for a VM that is lost or uncooperative: it keeps what it holds and nobody counts on it.</param>
public readonly record struct Bid(
    VmId Vm, MemorySize Min, MemorySize Max, int Shares, MemorySize Held, MemorySize Want, MemorySize ShrinkTo, bool Urgent, bool Movable);

/// <summary>Which rule decided a VM's target.</summary>
public enum Ruling
{
    /// <summary>Nothing to do: it keeps what it has.</summary>
    Keep,

    /// <summary>Lost or uncooperative: nothing is asked of it anew.</summary>
    Immovable,

    /// <summary>It gets what it wants.</summary>
    Demand,

    /// <summary>It gives of what it is not expected to miss.</summary>
    GivesSlack,

    /// <summary>It gives memory that it used lately and does not use now.</summary>
    GivesPast,

    /// <summary>Not enough for all: its weighted max-min fair share between min and demand.</summary>
    FairShare,
}

/// <summary>The plan for one VM.</summary>
public readonly record struct Allotment(VmId Vm, MemorySize Target, Ruling Ruling, bool Urgent);

/// <summary>
/// Who should have how much, first form. Enough memory: everyone gets what it wants, and what is idle stays where it is until somebody
/// needs it. Less: slack is taken, the largest first (few movers); then memory that was used lately but is not now; then everyone stands at
/// weighted max-min fairness by shares between min and demand. O(n log n), deterministic: the same bids give the same plan.
/// </summary>
public static class Arbiter
{
    /// <param name="budget">Memory for all guests together, what is kept for VMs to come already taken off.</param>
    /// <param name="cushion">Kept free below the budget, unless somebody is urgent.</param>
    public static Allotment[] Plan(ReadOnlySpan<Bid> bids, MemorySize budget, MemorySize cushion)
    {
        var plan = new Allotment[bids.Length];
        var total = MemorySize.Zero;
        var urgent = false;
        for (var i = 0; i < bids.Length; i++)
        {
            var bid = bids[i];
            var want = bid.Want.Clamp(bid.Min, bid.Max);
            var held = bid.Held.Clamp(bid.Min, bid.Max);
            plan[i] = !bid.Movable ? new(bid.Vm, bid.Held, Ruling.Immovable, false)
                : want > held ? new(bid.Vm, want, Ruling.Demand, bid.Urgent)
                : new(bid.Vm, held, Ruling.Keep, false);
            total += plan[i].Target;
            urgent |= bid.Urgent;
        }

        var limit = urgent ? budget : budget.MinusOrZero(cushion);
        total -= Give(bids, plan, total.MinusOrZero(limit), static bid => bid.ShrinkTo, Ruling.GivesSlack);
        total -= Give(bids, plan, total.MinusOrZero(limit), static bid => bid.Want, Ruling.GivesPast);
        // Ordinary growth does not take the cushion, but nobody is cut below demand to fill it.
        if (total > budget)
            Share(bids, plan, budget);
        else if (total > limit)
            CutGrowth(bids, plan, total - limit);
        return plan;
    }

    /// <summary>Takes up to <paramref name="missing"/> from those above their <paramref name="floor"/>, the largest excess first. Returns what was found.</summary>
    private static MemorySize Give(ReadOnlySpan<Bid> bids, Allotment[] plan, MemorySize missing, Func<Bid, MemorySize> floor, Ruling ruling)
    {
        if (missing.IsZero)
            return MemorySize.Zero;
        var givers = new List<(MemorySize Excess, int Index)>();
        for (var i = 0; i < bids.Length; i++)
        {
            var excess = plan[i].Target.MinusOrZero(floor(bids[i]).Clamp(bids[i].Min, bids[i].Max));
            if (bids[i].Movable && plan[i].Ruling != Ruling.Demand && !excess.IsZero)
                givers.Add((excess, i));
        }

        givers.Sort(static (a, b) => a.Excess != b.Excess ? b.Excess.CompareTo(a.Excess) : a.Index.CompareTo(b.Index));
        var found = MemorySize.Zero;
        foreach (var (excess, i) in givers)
        {
            if (found >= missing)
                break;
            var part = MemorySize.Min(excess, missing - found);
            plan[i] = plan[i] with { Target = plan[i].Target - part, Ruling = ruling };
            found += part;
        }

        return found;
    }

    /// <summary>Ordinary growth waits where it would eat the cushion.</summary>
    private static void CutGrowth(ReadOnlySpan<Bid> bids, Allotment[] plan, MemorySize over)
    {
        for (var i = bids.Length - 1; i >= 0 && !over.IsZero; i--)
        {
            if (plan[i].Ruling != Ruling.Demand || plan[i].Urgent)
                continue;
            var part = MemorySize.Min(over, plan[i].Target.MinusOrZero(bids[i].Held));
            plan[i] = plan[i] with { Target = plan[i].Target - part };
            over -= part;
        }
    }

    /// <summary>
    /// Everyone its min, then the rest by weighted max-min: level λ rises until Σ min(want − min, λ × shares) is what there is. Filled in the
    /// order in which VMs are satisfied, (want − min) ÷ shares.
    /// </summary>
    private static void Share(ReadOnlySpan<Bid> bids, Allotment[] plan, MemorySize budget)
    {
        var rest = budget;
        double shares = 0;
        var order = new List<(double Level, int Index)>(bids.Length);
        for (var i = 0; i < bids.Length; i++)
        {
            var bid = bids[i];
            rest = rest.MinusOrZero(bid.Movable ? bid.Min : bid.Held);
            if (!bid.Movable)
                continue;
            shares += bid.Shares;
            order.Add(((double)bid.Want.Clamp(bid.Min, bid.Max).MinusOrZero(bid.Min).Bytes / bid.Shares, i));
        }

        order.Sort();
        foreach (var (level, i) in order)
        {
            var bid = bids[i];
            var fair = rest.Scale(bid.Shares / shares);
            var extra = MemorySize.Min(fair, MemorySize.FromBytes(level * bid.Shares));
            plan[i] = new(bid.Vm, bid.Min + extra, Ruling.FairShare, bid.Urgent);
            rest = rest.MinusOrZero(extra);
            shares -= bid.Shares;
        }
    }
}
