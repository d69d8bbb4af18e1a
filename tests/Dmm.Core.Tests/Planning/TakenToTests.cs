using CsCheck;
using Dmm.Core.Planning;

namespace Dmm.Core.Tests.Planning;

/// <summary>No plan counts on more than a guest says that it can give: others would wait for memory that never comes.</summary>
public sealed class TakenToTests
{
    private static readonly MemorySize Step = MiB(16);

    private static readonly Gen<Bid[]> Bids =
        Gen.Select(Gen.Int[64, 300], Gen.Int[0, 2000], Gen.Int[1, 5000], Gen.Int[64, 2500], Gen.Int[0, 3000], Gen.Int[0, 800],
            Gen.Int[0, 3000], Gen.Int[0, 9], (min, room, shares, held, want, headroom, takenTo, kind) =>
            new Bid(default, MiB(min), MiB(min + room), shares, MiB(Math.Clamp(held, min, min + room)), MiB(want), MiB(want + 50),
                kind == 1, kind != 0)
            {
                Need = MiB(Math.Max(0, want - headroom)),
                TakenTo = MiB(takenTo),
                Harm = kind == 2 ? 0.1 : 0,
                Asked = MiB(kind == 3 ? held / 2 : held),
            })
        .Array[1, 20]
        .Select(all => all.Select((bid, i) => bid with { Vm = VmId.Parse($"v{i}") }).ToArray());

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static Bid Of(string vm, long held, long want, long takenTo, long min = 100, long max = 4096, int shares = 1000) =>
        new(VmId.Parse(vm), MiB(min), MiB(max), shares, MiB(held), MiB(want), MiB(want), false, true) { TakenTo = MiB(takenTo) };

    private static MemorySize[] Targets(long budget, params Bid[] bids) =>
        [.. Arbiter.Plan(bids, MiB(budget), default).Select(a => a.Target)];

    private static MemorySize Floor(Bid bid) => bid.Movable ? MemorySize.Min(bid.Held, bid.TakenTo).Clamp(bid.Min, bid.Max) : bid.Held;

    private static MemorySize Sum(IEnumerable<MemorySize> sizes) => sizes.Aggregate(MemorySize.Zero, (sum, size) => sum + size);

    [Fact]
    public void Who_can_not_give_what_is_more_than_its_share_keeps_it_and_the_others_share_the_rest() =>
        // Shares of 300 above each min would be 400 each; a can only be taken to 600.
        Assert.Equal([MiB(600), MiB(300), MiB(300)], Targets(1200, Of("a", 700, 900, 600), Of("b", 250, 900, 100), Of("c", 250, 900, 100)));

    [Fact]
    public void Who_can_give_more_than_that_stands_at_its_share() =>
        Assert.Equal([MiB(400), MiB(400), MiB(400)], Targets(1200, Of("a", 700, 900, 350), Of("b", 250, 900, 100), Of("c", 250, 900, 100)));

    [Fact]
    public void Neither_slack_nor_past_use_is_counted_on_that_the_guest_says_it_does_not_have() =>
        Assert.Equal([MiB(400), MiB(300), MiB(300)], Targets(1000, Of("a", 500, 100, 400), Of("b", 300, 300, 300), Of("c", 200, 500, 200)));

    [Fact]
    public void A_max_that_was_lowered_is_asked_for_but_not_counted_on_beyond_what_the_guest_can_give() =>
        // VM a is to become 200 and can be taken to 450: b gets what is left beside that.
        Assert.Equal([MiB(200), MiB(550)], Targets(1000, Of("a", 500, 500, 450, max: 200), Of("b", 400, 800, 100)));

    [Fact]
    public void What_the_guest_says_raises_nobody() =>
        Assert.Equal([MiB(300), MiB(300)], Targets(600, Of("a", 300, 300, 2000), Of("b", 300, 900, 100)));

    [Fact]
    public void Nobody_is_asked_below_what_it_can_give_nor_is_more_planned_than_there_is() =>
        Gen.Select(Bids, Gen.Int[0, 15_000], Gen.Int[0, 500], Gen.Bool).Sample((bids, budget, cushion, stepped) =>
        {
            var arbiter = new Arbiter();
            for (var turn = 0; turn < 2; turn++)
            {
                var plan = arbiter.Decide(bids, MiB(budget), MiB(cushion), stepped ? Step : default).ToArray();
                var floors = bids.Select(Floor).ToArray();
                for (var i = 0; i < bids.Length; i++)
                {
                    Assert.True(plan[i].Target >= floors[i], $"{plan[i]} of {bids[i]}");
                    Assert.True(!bids[i].Movable || plan[i].Target <= bids[i].Max, $"{plan[i]} of {bids[i]}");
                }

                Assert.True(Sum(plan.Select(a => a.Target)) <= MemorySize.Max(MiB(budget), Sum(floors)));
            }
        });

    [Fact]
    public void Whoever_asks_for_more_leaves_the_others_their_shares_of_what_can_be_moved() =>
        Gen.Select(Bids, Gen.Int[0, 5000]).Sample((all, room) =>
        {
            var bids = all.Select(b => b with { Movable = true, Harm = 0, Need = b.Want }).ToArray();
            var budget = Sum(bids.Select(Floor)) + MiB(room);
            var plan = Arbiter.Plan(bids, budget, default);
            // This is the level at which all would stand if all wanted everything.
            var (low, high) = (0.0, (double)budget.Bytes);
            for (var i = 0; i < 100; i++)
            {
                var level = (low + high) / 2;
                var sum = bids.Sum(b => Math.Max(Floor(b).Bytes, b.Min.Bytes + (level * b.Shares)));
                (low, high) = sum <= budget.Bytes ? (level, high) : (low, level);
            }

            for (var i = 0; i < bids.Length; i++)
            {
                var fair = Math.Min(bids[i].Min.Bytes + (low * bids[i].Shares), bids[i].Want.Clamp(bids[i].Min, bids[i].Max).Bytes);
                Assert.True(plan[i].Target.Bytes >= fair - bids.Length - 1, $"{plan[i]} of {bids[i]}, fair {fair}");
            }
        });

    [Fact]
    public void More_shares_never_mean_less() =>
        Gen.Select(Bids, Gen.Int[0, 10_000], Gen.Int[0, 19], Gen.Int[1, 5000]).Sample((bids, budget, who, more) =>
        {
            var before = Arbiter.Plan(bids, MiB(budget), default);
            var i = who % bids.Length;
            bids[i] = bids[i] with { Shares = bids[i].Shares + more };
            Assert.True(Arbiter.Plan(bids, MiB(budget), default)[i].Target.Bytes >= before[i].Target.Bytes - bids.Length);
        });

    [Fact]
    public void A_plan_that_was_carried_out_stands() =>
        Gen.Select(Bids, Gen.Int[0, 15_000]).Sample((bids, budget) =>
        {
            // Harm weighs by what is lacked, which the plan itself changes.
            var arbiter = new Arbiter(utilityWeight: 1);
            var first = arbiter.Decide(bids, MiB(budget), default, Step).ToArray();
            for (var i = 0; i < bids.Length; i++)
                bids[i] = bids[i] with { Held = first[i].Target, Asked = first[i].Target };
            for (var turn = 0; turn < 3; turn++)
                Assert.Equal(first.Select(a => a.Target), arbiter.Decide(bids, MiB(budget), default, Step).ToArray().Select(a => a.Target));
        });

    [Fact]
    public void The_order_of_the_bids_decides_nothing_but_whose_turn_it_is() =>
        Gen.Select(Bids, Gen.Int[0, 15_000]).Sample((bids, budget) =>
        {
            var plan = Arbiter.Plan(bids, MiB(budget), default);
            Assert.Equal(plan, Arbiter.Plan(bids, MiB(budget), default));
            var total = Sum(plan.Select(a => a.Target)).Bytes;
            Array.Reverse(bids);
            Assert.InRange(Sum(Arbiter.Plan(bids, MiB(budget), default).Select(a => a.Target)).Bytes, total - bids.Length, total
                + bids.Length);
        });
}
