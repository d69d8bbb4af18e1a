using CsCheck;
using Dmm.Core.Planning;

namespace Dmm.Core.Tests.Planning;

/// <summary>Tests that no VM is resized without need: consecutive plans move few VMs, and stay the same if nothing changes.</summary>
public sealed class SteadinessTests
{
    private static readonly MemorySize Step = MiB(16);

    private static readonly Gen<Bid[]> Bids =
        Gen.Select(Gen.Int[64, 300], Gen.Int[0, 2000], Gen.Int[1, 5000], Gen.Int[64, 2500], Gen.Int[0, 3000], Gen.Int[0, 800],
            (min, room, shares, held, want, headroom) =>
            new Bid(default, MiB(min), MiB(min + room), shares, MiB(Math.Clamp(held, min, min + room)), MiB(want), MiB(want + 50), false,
                true)
            { Need = MiB(Math.Max(0, want - headroom)) })
        .Array[1, 20]
        .Select(all => all.Select((bid, i) => bid with { Vm = VmId.Parse($"v{i}") }).ToArray());

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static Bid Of(string vm, long held, long need, long want, long min = 64, long max = 4096) =>
        new(VmId.Parse(vm), MiB(min), MiB(max), 1000, MiB(held), MiB(want), MiB(want), false, true) { Need = MiB(need) };

    private static MemorySize[] Targets(long budget, long cushion, params Bid[] bids) =>
        [.. new Arbiter().Decide(bids, MiB(budget), MiB(cushion), Step).ToArray().Select(a => a.Target)];

    [Fact]
    public void A_plan_that_was_carried_out_stands() =>
        Gen.Select(Bids, Gen.Int[0, 10_000]).Sample((bids, room) =>
        {
            var budget = bids.Aggregate(MiB(room), (sum, b) => sum + b.Min);
            var arbiter = new Arbiter();
            var first = arbiter.Decide(bids, budget, default, Step).ToArray();
            for (var i = 0; i < bids.Length; i++)
                bids[i] = bids[i] with { Held = first[i].Target, Asked = first[i].Target };
            // The result does not depend on whose turn it is.
            for (var turn = 0; turn < 3; turn++)
                Assert.Equal(first.Select(a => a.Target), arbiter.Decide(bids, budget, default, Step).ToArray().Select(a => a.Target));
        });

    [Fact]
    public void In_steps_too_nobody_leaves_its_bounds_and_no_more_is_given_than_there_is() =>
        Gen.Select(Bids, Gen.Int[0, 10_000], Gen.Int[0, 500], Gen.Int[0, 400]).Sample((bids, room, cushion, asked) =>
        {
            var budget = bids.Aggregate(MiB(room), (sum, b) => sum + b.Min);
            for (var i = 0; i < bids.Length; i += 2)
                bids[i] = bids[i] with { Asked = bids[i].Held.MinusOrZero(MiB(asked)) };
            var plan = new Arbiter().Decide(bids, budget, MiB(cushion), Step).ToArray();
            Assert.True(plan.Aggregate(MemorySize.Zero, (sum, a) => sum + a.Target) <= budget);
            for (var i = 0; i < bids.Length; i++)
                Assert.InRange(plan[i].Target.Bytes, bids[i].Min.Bytes, bids[i].Max.Bytes);
        });

    [Fact]
    public void Nobody_is_taken_below_its_need_while_all_needs_fit() =>
        Gen.Select(Bids, Gen.Int[0, 500]).Sample((bids, room) =>
        {
            var needs = bids.Select(b => b.Need.Clamp(b.Min, b.Max)).ToArray();
            var budget = needs.Aggregate(MiB(room), (sum, need) => sum + need);
            var plan = new Arbiter().Decide(bids, budget, default, Step).ToArray();
            for (var i = 0; i < bids.Length; i++)
                Assert.True(plan[i].Target + Step.Scale(0.25) >= needs[i], $"{plan[i]} of {bids[i]}");
        });

    [Fact]
    public void Who_has_most_headroom_pays_for_what_one_lacks_and_the_others_do_not_move() =>
        // The needs are 700. Of the 500 that are left, b and c might have 10 more than they hold, which is not worth a move, and d wants
        // 80; a has 100 too much.
        Assert.Equal(
            [MiB(420), MiB(300), MiB(300), MiB(180)],
            Targets(1200, 0, Of("a", 500, 200, 600), Of("b", 300, 200, 310), Of("c", 300, 200, 310), Of("d", 100, 100, 180)));

    [Fact]
    public void Who_gives_already_goes_on_giving()
    {
        // VM b was told to become 300 and has come to 450 so far; a is larger, and is left alone.
        var giving = Of("b", 450, 100, 100) with { Asked = MiB(300) };
        Assert.Equal([MiB(600), MiB(350), MiB(400)], Targets(1350, 0, Of("a", 600, 100, 100), giving, Of("c", 300, 400, 400)));
        // The memory that b gives is not enough: a is asked for the rest.
        Assert.Equal([MiB(550), MiB(300), MiB(500)], Targets(1350, 0, Of("a", 600, 100, 100), giving, Of("c", 300, 500, 500)));
    }

    [Fact]
    public void What_is_taken_is_taken_in_steps() =>
        Assert.Equal([MiB(301), MiB(484)], Targets(800, 0, Of("a", 300, 301, 301), Of("b", 500, 100, 100)));

    [Fact]
    public void Fair_shares_below_need_come_in_small_steps_so_that_they_stand_while_use_wavers()
    {
        // 1,000 − 101 are left for two that need more: 449.5 each.
        var (a, b) = (Of("a", 500, 800, 800, min: 0), Of("b", 400, 800, 800, min: 0));
        Assert.Equal(MiB(448), Targets(1000, 0, a, b, Of("c", 101, 101, 101, min: 0))[1]);
        Assert.Equal(MiB(448), Targets(1000, 0, a, b, Of("c", 102, 102, 102, min: 0))[1]);
    }

    [Fact]
    public void The_poorest_grows_first_where_growth_would_eat_the_cushion() =>
        Assert.Equal(
            [MiB(500), MiB(250), MiB(150)],
            Targets(1000, 100, Of("a", 500, 600, 600), Of("b", 200, 260, 260) with { Want = MiB(250) }, Of("c", 150, 150, 150)));
}
