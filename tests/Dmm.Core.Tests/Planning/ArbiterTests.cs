using CsCheck;
using Dmm.Core.Planning;

namespace Dmm.Core.Tests.Planning;

public sealed class ArbiterTests
{
    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static Bid Of(
        string vm, long held, long want, long? shrinkTo = null, long min = 64, long max = 4096, int shares = 1000, bool urgent = false) =>
        new(VmId.Parse(vm), MiB(min), MiB(max), shares, MiB(held), MiB(want), MiB(shrinkTo ?? want), urgent, true);

    private static MemorySize[] Targets(long budget, long cushion, params Bid[] bids) =>
        [.. Arbiter.Plan(bids, MiB(budget), MiB(cushion)).Select(a => a.Target)];

    [Fact]
    public void With_enough_for_all_everyone_gets_what_it_wants_and_what_is_idle_stays() =>
        Assert.Equal([MiB(600), MiB(512)], Targets(2000, 100, Of("a", 300, 600), Of("b", 512, 100)));

    [Fact]
    public void Slack_is_taken_from_the_largest_first_and_no_more_than_is_missing() =>
        Assert.Equal([MiB(500), MiB(300), MiB(200)], Targets(1000, 0, Of("a", 300, 500), Of("b", 500, 100), Of("c", 200, 100)));

    [Fact]
    public void What_was_used_lately_is_taken_only_after_slack() =>
        Assert.Equal(
            [MiB(500), MiB(300), MiB(100)], Targets(900, 0, Of("a", 300, 500), Of("b", 300, 100, shrinkTo: 300), Of("c", 300, 100)));

    [Fact]
    public void Too_little_for_all_is_shared_by_weight_between_min_and_demand() =>
        // 1000 − 2 × 100 = 800 are shared 3 : 1.
        Assert.Equal(
            [MiB(700), MiB(300)], Targets(1000, 0, Of("a", 500, 900, min: 100, shares: 3000), Of("b", 500, 900, min: 100, shares: 1000)));

    [Fact]
    public void Who_wants_less_than_its_share_leaves_the_rest_to_the_others() =>
        Assert.Equal([MiB(200), MiB(800)], Targets(1000, 0, Of("a", 500, 200, min: 100), Of("b", 500, 2000, min: 100)));

    [Fact]
    public void Ordinary_growth_leaves_the_cushion_and_urgent_growth_takes_it()
    {
        Assert.Equal([MiB(550), MiB(350)], Targets(1000, 100, Of("a", 500, 650), Of("b", 350, 350)));
        Assert.Equal([MiB(650), MiB(350)], Targets(1000, 100, Of("a", 500, 650, urgent: true), Of("b", 350, 350)));
    }

    [Fact]
    public void Who_can_not_be_moved_keeps_what_it_holds()
    {
        var stuck = Of("b", 500, 100) with { Movable = false };
        Assert.Equal([MiB(500), MiB(500)], Targets(1000, 0, Of("a", 300, 900), stuck));
    }

    [Fact]
    public void A_lowered_max_is_a_shrink_even_if_nobody_needs_the_memory() =>
        Assert.Equal([MiB(256)], Targets(4000, 0, Of("a", 500, 500, max: 256)));

    [Fact]
    public void Nobodys_headroom_costs_another_its_working_set() =>
        // The needs of 600 and 200 fit; the 100 that are left are shared as headroom.
        Assert.Equal(
            [MiB(650), MiB(250)],
            Targets(900, 0, Of("a", 500, 800, min: 100) with { Need = MiB(600) }, Of("b", 500, 400, min: 100) with { Need = MiB(200) }));

    [Fact]
    public void Memory_goes_first_where_a_mib_spares_most_harm_within_the_guarantees()
    {
        Bid[] bids = [Of("a", 500, 1000, min: 100) with { Harm = 0.2 }, Of("b", 500, 1000, min: 100)];
        // 800 are shared 4 : 1; with plain shares they would be shared 1 : 1.
        Assert.Equal([MiB(740), MiB(260)], Targets(1000, 0, bids));
        Assert.Equal(
            [MiB(500), MiB(500)], [.. new Arbiter(utilityWeight: 1).Decide(bids, MiB(1000), default).ToArray().Select(a => a.Target)]);
    }

    [Fact]
    public void Equals_give_in_turn()
    {
        var arbiter = new Arbiter();
        Bid[] bids = [Of("a", 300, 600), Of("b", 500, 100), Of("c", 500, 100)];
        var givers = Enumerable.Range(0, 6).Select(_ => arbiter.Decide(bids, MiB(1300), default)[1].Ruling).ToHashSet();
        Assert.Equal([Ruling.Keep, Ruling.GivesSlack], givers.Order());
    }

    [Fact]
    public void Urgent_growth_alone_takes_of_the_cushion() =>
        Assert.Equal([MiB(550), MiB(400)], Targets(1000, 100, Of("a", 500, 550, urgent: true), Of("b", 350, 450)));

    [Fact]
    public void More_shares_never_mean_less() =>
        Gen.Select(Bids, Gen.Int[0, 5000], Gen.Int[0, 19], Gen.Int[1, 5000]).Sample((bids, room, who, more) =>
        {
            if (bids.Length == 0)
                return;
            var budget = bids.Aggregate(MiB(room), (sum, b) => sum + b.Min);
            var before = Arbiter.Plan(bids, budget, MemorySize.Zero);
            var i = who % bids.Length;
            bids[i] = bids[i] with { Shares = bids[i].Shares + more };
            // The result is exact except for rounding.
            Assert.True(Arbiter.Plan(bids, budget, MemorySize.Zero)[i].Target.Bytes >= before[i].Target.Bytes - bids.Length);
        });

    [Fact]
    public void A_guest_that_asks_for_more_never_lowers_anothers_guarantee_nor_its_need_below_its_fair_share() =>
        Gen.Select(Bids, Gen.Int[0, 5000], Gen.Int[0, 19], Gen.Int[0, 5000]).Sample((bids, room, who, more) =>
        {
            if (bids.Length == 0)
                return;
            var budget = bids.Aggregate(MiB(room), (sum, b) => sum + b.Min);
            var i = who % bids.Length;
            bids[i] = bids[i] with { Want = bids[i].Want + MiB(more), ShrinkTo = bids[i].ShrinkTo + MiB(more), Harm = 1 };
            var plan = new Arbiter(utilityWeight: 1).Decide(bids, budget, MemorySize.Zero);
            double shares = bids.Sum(b => (double)b.Shares);
            for (var j = 0; j < bids.Length; j++)
            {
                var fair = MemorySize.Min(
                    bids[j].Min + MiB(room).Scale(bids[j].Shares / shares), bids[j].Want.Clamp(bids[j].Min, bids[j].Max));
                Assert.True(plan[j].Target.Bytes >= fair.Bytes - bids.Length, $"{plan[j]} of {bids[j]}, fair {fair}");
            }
        });

    [Fact]
    public void Nothing_is_allocated_once_its_buffers_have_grown()
    {
        var arbiter = new Arbiter();
        var bids = Enumerable.Range(0, 1000)
            .Select(i => Of($"v{i}", 100 + (i % 300), 100 + (i * 37 % 500), min: 64, urgent: i % 50 == 0) with { Harm = i % 7 * 0.01 })
            .ToArray();
        foreach (var (budget, ruling) in new[] { (100_000, Ruling.FairShare), (350_000, Ruling.GivesSlack), (600_000, Ruling.Keep) })
        {
            Assert.Contains(arbiter.Decide(bids, MiB(budget), MiB(1000)).ToArray(), a => a.Ruling == ruling);
            var before = GC.GetAllocatedBytesForCurrentThread();
            arbiter.Decide(bids, MiB(budget), MiB(1000));
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    private static readonly Gen<Bid[]> Bids =
        Gen.Select(Gen.Int[64, 300], Gen.Int[0, 2000], Gen.Int[1, 5000], Gen.Int[64, 2500], Gen.Int[0, 3000], Gen.Bool,
            (min, room, shares, held, want, urgent) =>
            (min, max: min + room, shares, held: Math.Clamp(held, min, min + room), want, urgent))
        .Array[0, 20]
        .Select(all => all.Select((b, i) => new Bid(
            VmId.Parse($"v{i}"), MiB(b.min), MiB(b.max), b.shares, MiB(b.held), MiB(b.want), MiB(b.want + 50), b.urgent, true)).ToArray());

    [Fact]
    public void Never_outside_min_and_max_and_never_more_than_there_is() =>
        Gen.Select(Bids, Gen.Int[0, 20_000], Gen.Int[0, 500]).Sample((bids, room, cushion) =>
        {
            var budget = bids.Aggregate(MiB(room), (sum, b) => sum + b.Min);
            var plan = Arbiter.Plan(bids, budget, MiB(cushion));
            Assert.True(plan.Aggregate(MemorySize.Zero, (sum, a) => sum + a.Target) <= MemorySize.Max(budget, MemorySize.Zero));
            for (var i = 0; i < bids.Length; i++)
                Assert.InRange(plan[i].Target.Bytes, bids[i].Min.Bytes, bids[i].Max.Bytes);
        });

    [Fact]
    public void The_same_bids_give_the_same_plan() =>
        Gen.Select(Bids, Gen.Int[1000, 20_000]).Sample((bids, budget) =>
            Assert.Equal(Arbiter.Plan(bids, MiB(budget), MiB(100)), Arbiter.Plan(bids, MiB(budget), MiB(100))));

    [Fact]
    public void Nobody_who_wants_more_is_cut_while_a_peer_keeps_what_it_does_not_want() =>
        Gen.Select(Bids, Gen.Int[0, 10_000]).Sample((bids, room) =>
        {
            var budget = bids.Aggregate(MiB(room), (sum, b) => sum + b.Min);
            var plan = Arbiter.Plan(bids, budget, MemorySize.Zero);
            var cut = Enumerable.Range(0, bids.Length).Any(i => plan[i].Target < bids[i].Want.Clamp(bids[i].Min, bids[i].Max));
            var idle = Enumerable.Range(0, bids.Length).Any(i => plan[i].Target > bids[i].Want.Clamp(bids[i].Min, bids[i].Max));
            Assert.False(cut && idle);
        });

    [Fact]
    public void Where_more_is_wanted_than_there_is_nothing_is_left_over_but_parts_of_steps() =>
        Gen.Select(Bids, Gen.Double[0, 1], Gen.Int[0, 500], Gen.Int[0, 32],
            Gen.Select(Gen.Int[0, 9], Gen.Double[0, 1], Gen.Double[0, 1.2], Gen.Int[0, 9]).Array[20])
                .Sample((all, tightness, cushion, step, more) =>
        {
            // Some VMs use all that they want, some can't be moved or are harmed, some can give nothing, some are at their min.
            Bid[] bids = [.. all.Select((bid, i) => (bid, more: more[i])).Select(b => b.bid with
            {
                Held = b.more.Item4 == 0 ? b.bid.Min : b.bid.Held,
                Want = b.more.Item4 == 1 ? MemorySize.Zero : b.bid.Want,
                ShrinkTo = b.more.Item4 == 1 ? MemorySize.Zero : b.bid.ShrinkTo,
                Need = b.bid.Want.Scale(b.more.Item2),
                TakenTo = b.bid.Held.Scale(b.more.Item3),
                Harm = b.more.Item4 > 6 ? b.more.Item2 : 0,
                Movable = b.more.Item1 > 0,
            })];
            MemorySize Sum(Func<Bid, MemorySize> of) => bids.Aggregate(MemorySize.Zero, (sum, bid) => sum + of(bid));
            var wanted = Sum(bid => bid.Movable ? MemorySize.Max(bid.Want, MemorySize.Min(bid.TakenTo, bid.Held)).Clamp(bid.Min, bid.Max)
                : bid.Held);
            var least = Sum(bid => bid.Movable ? MemorySize.Min(bid.TakenTo, bid.Held).Clamp(bid.Min, bid.Max) : bid.Held);
            if (wanted <= least)
                return;
            // The budget lies between the sum of what VMs can be taken to and the sum of what they want.
            var budget = least + (wanted - least).Scale(tightness * 0.999);
            var given = new Arbiter().Decide(bids, budget, MiB(cushion), MiB(step)).ToArray()
                .Aggregate(MemorySize.Zero, (sum, a) => sum + a.Target);
            // A fair share is rounded down by less than a step, and a VM is not moved for less than another.
            Assert.InRange(given.Bytes, budget.Bytes - (bids.Length * ((2L * step << 20) + 1)), budget.Bytes);
        });
}
