using Dmm.Core.Admission;
using static Dmm.Core.Tests.Admission.Requests;

namespace Dmm.Core.Tests.Admission;

public sealed class RoomPlannerTests
{
    private static readonly Dictionary<VmId, MemorySize> Nothing = [];

    private static RoomPlan? Make(long missing, params Peer[] peers) => Make(missing, 60, peers);

    private static RoomPlan? Make(long missing, double seconds, params Peer[] peers) =>
        RoomPlanner.Make(MiB(missing + 100), MiB(missing), peers, Nothing, new HashSet<VmId>(), TimeSpan.FromSeconds(seconds), Step, 4);

    [Fact]
    public void Slack_pays_before_anything_else_and_one_giver_is_enough() => Assert.Equal(
        // 100 MiB that are counted on at 0.9 are 112, in steps of 16.
        "big:1024-912:Slack",
        Text(Make(100, Peer("busy", held: 1024, want: 900, need: 600), Peer("big", held: 1024, want: 256),
            Peer("small", held: 512, want: 300))!));

    [Fact]
    public void What_was_used_lately_pays_before_headroom_and_headroom_before_what_is_in_use()
    {
        var past = Peer("past", held: 512, want: 256, shrinkTo: 512, need: 256);
        var headroom = Peer("headroom", held: 512, want: 512, need: 256);
        var used = Peer("used", held: 512, want: 512, need: 512);

        Assert.Equal("past:512-400:PastUse", Text(Make(100, past, headroom, used)!));
        Assert.Equal("headroom:512-384:Headroom past:512-256:PastUse", Text(Make(340, past, headroom, used)!));
        Assert.Equal(GiveKind.InUse, Make(600, past, headroom, used)!.From.Single(part => part.Vm.Name == "used").Kind);
    }

    [Fact]
    public void Nobody_goes_below_its_min_nor_beyond_what_its_guest_can_spare()
    {
        Assert.Null(Make(400, Peer("a", held: 512, want: 128)));
        Assert.NotNull(Make(340, Peer("a", held: 512, want: 128)));
        Assert.Null(Make(340, Peer("a", held: 512, want: 128, spare: 300)));
        Assert.Equal("a:512-352:Slack", Text(Make(144, Peer("a", held: 512, want: 128, spare: 160))!));
    }

    [Fact]
    public void A_peer_that_was_stuck_is_asked_last_among_equals_and_counted_on_for_less()
    {
        Assert.Equal(
            "sure:512-400:Slack",
            Text(Make(100, Peer("shaky", held: 1024, want: 128, mover: Stuck(2)), Peer("sure", held: 512, want: 128))!));
        var alone = Make(100, Peer("shaky", held: 1024, want: 128, mover: Stuck(2)))!;
        Assert.True(alone.From[0].Size >= MiB(400), $"{alone.From[0].Size} are asked for 100 MiB");
    }

    [Fact]
    public void A_peer_that_moves_already_is_asked_before_one_that_would_have_to_begin() => Assert.Equal(
        "small:512-400:Slack",
        Text(RoomPlanner.Make(
            MiB(100), MiB(100), [Peer("big", held: 1024, want: 128), Peer("small", held: 512, want: 128)], Nothing,
            new HashSet<VmId> { VmId.Parse("small") }, TimeSpan.FromSeconds(60), Step, 4)!));

    [Fact]
    public void A_slow_peer_gives_only_what_it_can_in_time_and_others_the_rest()
    {
        var slow = Peer("slow", held: 2048, want: 128, mover: Moved(64, 16));
        var plan = Make(340, 10, slow, Peer("quick", held: 500, want: 128))!;
        Assert.False(plan.Late);
        Assert.True(plan.From.Single(part => part.Vm.Name == "slow").Size <= MiB(32));
        Assert.True(plan.Expected < TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void Where_the_deadline_can_not_be_kept_the_plan_says_so_with_the_time_that_it_takes()
    {
        var plan = Make(400, 10, Peer("slow", held: 2048, want: 128, mover: Moved(64, 16)))!;
        Assert.True(plan.Late);
        Assert.InRange(plan.Expected.TotalSeconds, 60, 130);
    }

    [Fact]
    public void What_is_in_use_is_taken_by_shares_above_min()
    {
        var plan = Make(500, Peer("rich", held: 1152, want: 1152, shares: 3000), Peer("poor", held: 1152, want: 1152, shares: 1000))!;
        // With a level of L bytes a share above min, 1024 − 3000 L + 1024 − 1000 L = 556 would leave rich with 1024; so poor gives all of
        // it.
        Assert.Equal(["poor"], plan.From.Select(part => part.Vm.Name));
        plan = Make(1300, Peer("rich", held: 1152, want: 1152, shares: 3000), Peer("poor", held: 1152, want: 1152, shares: 1000))!;
        var (rich, poor) = (plan.From.Single(p => p.Vm.Name == "rich").To.MinusOrZero(MiB(128)), plan.From.Single(p => p.Vm.Name == "poor")
            .To.MinusOrZero(MiB(128)));
        Assert.InRange(rich.Bytes / (double)poor.Bytes, 2.6, 3.4);
    }

    [Fact]
    public void Whoever_stands_still_for_memory_gives_less_of_what_it_uses()
    {
        var plan = Make(1000, Peer("hurt", held: 1152, want: 1160, need: 1152, harm: 0.2), Peer("calm", held: 1152, want: 1152))!;
        var given = plan.From.ToDictionary(part => part.Vm.Name, part => part.Size);
        Assert.True(given.GetValueOrDefault("hurt") < given["calm"].Scale(0.5));
    }

    [Fact]
    public void One_in_need_or_not_heard_of_yet_gives_nothing()
    {
        var peer = Peer("a", held: 1024, want: 128);
        Assert.Null(Make(100, peer with { Bid = peer.Bid with { Urgent = true } }));
        Assert.Null(Make(100, peer with { Bid = peer.Bid with { Movable = false } }));
        Assert.Null(Make(100, peer with { Heard = false }));
    }

    [Fact]
    public void What_one_gives_to_another_plan_already_is_not_given_twice()
    {
        var levels = new Dictionary<VmId, MemorySize> { [VmId.Parse("a")] = MiB(300) };
        var plan = RoomPlanner.Make(
            MiB(100), MiB(100), [Peer("a", held: 1024, want: 128)], levels, new HashSet<VmId>(), TimeSpan.FromSeconds(60), Step, 4)!;
        Assert.Equal("a:300-188:Slack", Text(plan));
    }

    [Fact]
    public void What_a_plan_still_covers_sinks_when_a_giver_needs_its_memory_itself_or_is_stuck()
    {
        var peer = Peer("a", held: 1024, want: 128);
        var plan = Make(400, peer)!;
        MemorySize Covers(Peer now) => RoomPlanner.Covers(plan, new Dictionary<VmId, Peer> { [now.Bid.Vm] = now }, Nothing, Step);
        Assert.True(Covers(peer) >= MiB(400));
        Assert.Equal(MemorySize.Zero, Covers(Peer("a", held: 1024, want: 900)));
        Assert.Equal(MemorySize.Zero, Covers(peer with { Bid = peer.Bid with { Movable = false } }));
        Assert.True(Covers(peer with { Heard = false }) >= MiB(400),
            "one that has not been heard of since a restart still owes what it owed");
        Assert.InRange(Covers(Peer("a", held: 800, want: 128)).Mebibytes, 150, 240);
    }
}
