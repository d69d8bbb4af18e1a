using Dmm.Core.Admission;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Admission.Requests;

namespace Dmm.Core.Tests.Admission;

public sealed class AdmissionLineTests
{
    private static readonly Peer[] Idle = [Peer("a", held: 2048, want: 256)];

    [Fact]
    public void What_fits_is_set_aside_at_once_and_launched_when_there_is_a_place()
    {
        var asked = Asked("new", 512, 1);
        var reserve = Assert.IsType<QueueMove.Reserve>(Line(Idle, 600, asked).Next(Noon));
        Assert.Equal((MiB(512), MiB(544)), (reserve.Boot, reserve.Size));

        var reserved = asked.SetAside(reserve.Boot, reserve.Size, Noon);
        var other = Asked("other", 512, 2).SetAside(MiB(512), MiB(544), Noon).LaunchBegun(Noon);
        Assert.Null(Line(Ledger(Idle, 600), Idle, [reserved, other], launches: 1).Next(Noon));
        Assert.Equal("new", Assert.IsType<QueueMove.Launch>(Line(Ledger(Idle, 600), Idle, [reserved, other], launches: 2).Next(Noon))
            .Vm.Name);
    }

    [Fact]
    public void What_does_not_fit_gets_a_plan()
    {
        var plan = Assert.IsType<QueueMove.Plan>(Line(Idle, 100, Asked("new", 512, 1)).Next(Noon)).Room;
        Assert.Equal(MiB(544), plan.For);
        Assert.True(plan.From.Single().Size >= MiB(444));
        Assert.Null(Line(Idle, 100, Asked("new", 512, 1).Planned(plan, true, Noon)).Next(Noon));
    }

    [Fact]
    public void The_highest_priority_comes_first_and_within_it_who_came_first()
    {
        AdmissionRecord[] asked = [
            Asked("late", 512, 3),
            Asked("first", 512, 1),
            Asked("high", 512, 4, priority: 500),
            Asked("second", 512, 2),
        ];
        Assert.Equal("high first second late", string.Join(" ", AdmissionLine.InOrder(asked).Select(a => a.Spec.Id.Name)));
        Assert.Equal("high", Line(Idle, 600, asked).Next(Noon)!.Vm.Name);
    }

    [Fact]
    public void A_small_one_passes_a_large_one_with_memory_that_the_large_one_does_not_gather()
    {
        // 500 are free. The large request gathers 1032: 500 of it are there already, and its peer owes the rest. The small request may
        // not take those 500 ...
        var large = Asked("large", 1000, 1);
        var room = Assert.IsType<QueueMove.Plan>(Line(Idle, 500, large).Next(Noon)).Room;
        var small = Asked("small", 128, 2);
        var plan = Assert.IsType<QueueMove.Plan>(Line(Idle, 500, large.Planned(room, true, Noon), small).Next(Noon));
        Assert.Equal("small", plan.Vm.Name);

        // ... but it gathers at the same time, and starts first once its own memory has come: 180 more are free while the large one's
        // peer still owes.
        Peer[] given = [Peer("a", held: 2048, want: 256), Peer("b", held: 512, want: 128)];
        var start = Line(given, 500 + 180, large.Planned(room, true, Noon), small.Planned(plan.Room, true, Noon)).Next(Noon);
        Assert.Equal("small", Assert.IsType<QueueMove.Reserve>(start).Vm.Name);
    }

    [Fact]
    public void A_small_one_does_not_take_what_is_free_for_a_large_one()
    {
        var large = Asked("large", 1000, 1);
        var room = Assert.IsType<QueueMove.Plan>(Line(Idle, 500, large).Next(Noon)).Room;
        // The peer gives no more than the large request needs.
        Peer[] scarce = [Peer("a", held: 2048, want: 1400, need: 1400, min: 1400)];
        var next = Line(scarce, 500, large.Planned(room, true, Noon), Asked("small", 128, 2)).Next(Noon + TimeSpan.FromSeconds(0.1));
        Assert.False(next is QueueMove.Reserve, $"{next}");
    }

    [Fact]
    public void Nobody_passes_one_that_waits_because_its_peers_can_not_give()
    {
        Peer[] busy = [Peer("a", held: 2048, want: 2048, spare: 0)];
        var large = Asked("large", 1000, 1);
        var wait = Assert.IsType<QueueMove.Wait>(Line(busy, 500, large).Next(Noon));
        Assert.Equal(WaitCause.PeersCanNot, wait.Cause);
        var behind = Assert.IsType<QueueMove.Wait>(Line(busy, 500, large.Waits(wait.Cause, wait.Why, Noon), Asked("small", 128, 2))
            .Next(Noon));
        Assert.Equal(("small", WaitCause.BehindOthers), (behind.Vm.Name, behind.Cause));
    }

    [Fact]
    public void One_of_higher_priority_that_comes_later_takes_what_was_gathered()
    {
        var first = Asked("first", 1000, 1);
        var room = Assert.IsType<QueueMove.Plan>(Line(Idle, 500, first).Next(Noon)).Room;
        var start = Line(Idle, 500, first.Planned(room, true, Noon), Asked("high", 400, 2, priority: 900)).Next(Noon);
        Assert.Equal("high", Assert.IsType<QueueMove.Reserve>(start).Vm.Name);
    }

    [Fact]
    public void A_mover_that_is_stuck_makes_the_plan_anew_with_the_others()
    {
        var asked = Asked("new", 1000, 1);
        var room = Assert.IsType<QueueMove.Plan>(Line([Peer("a", held: 2048, want: 256), Peer("b", held: 1500, want: 256)], 100, asked)
            .Next(Noon)).Room;
        Assert.Equal("a", Assert.Single(room.From).Vm.Name);

        var a = Peer("a", held: 2000, want: 256, mover: Stuck(1));
        Peer[] now = [a with { Bid = a.Bid with { Movable = false } }, Peer("b", held: 1500, want: 256)];
        Assert.Null(Line(now, 148, asked.Planned(room, true, Noon)).Next(Noon + TimeSpan.FromSeconds(0.1)));
        var anew = Assert.IsType<QueueMove.Plan>(Line(now, 148, asked.Planned(room, true, Noon)).Next(Noon + TimeSpan.FromSeconds(5)));
        Assert.Equal("b", Assert.Single(anew.Room.From).Vm.Name);
    }

    [Fact]
    public void A_deadline_that_can_not_be_kept_at_the_pace_seen_is_told_while_there_is_time()
    {
        var asked = Asked("new", 1000, 1, seconds: 20);
        var room = Assert.IsType<QueueMove.Plan>(Line(Idle, 100, asked).Next(Noon)).Room;
        Assert.False(room.Late);

        Peer[] slow = [Peer("a", held: 2000, want: 256, mover: Moved(48, 24, times: 6))];
        var told = Assert.IsType<QueueMove.Plan>(Line(slow, 148, asked.Planned(room, true, Noon)).Next(Noon + TimeSpan.FromSeconds(5)));
        Assert.True(told.Room.Late);
        Assert.Null(Line(slow, 148, asked.Planned(told.Room, true, Noon + TimeSpan.FromSeconds(5))).Next(Noon + TimeSpan.FromSeconds(6)));
    }

    [Fact]
    public void An_early_one_starts_with_what_is_there_once_that_is_its_guarantee()
    {
        var asked = Asked("new", 1000, 1, min: 200, early: true);
        Assert.IsType<QueueMove.Plan>(Line(Idle, 200, asked).Next(Noon));
        var start = Assert.IsType<QueueMove.Reserve>(Line(Idle, 333, asked).Next(Noon));
        Assert.Equal((MiB(300), MiB(332)), (start.Boot, start.Size));
    }

    [Fact]
    public void An_early_one_never_starts_with_less_than_its_image_needs()
    {
        var asked = Asked("new", 1000, 1, min: 128, early: true) with { ImageNeeds = MiB(320) };
        Assert.IsType<QueueMove.Plan>(Line(Idle, 340, asked).Next(Noon));
        Assert.Equal(MiB(320), Assert.IsType<QueueMove.Reserve>(Line(Idle, 352, asked).Next(Noon)).Boot);
    }

    [Fact]
    public void Guarantees_that_would_not_fit_together_never_start_though_memory_is_free()
    {
        // Its min was raised while it holds less: the free memory is reserved for it.
        Peer[] raised = [Peer("a", held: 1000, want: 1000, min: 1900)];
        var wait = Assert.IsType<QueueMove.Wait>(Line(raised, 1000, Asked("new", 512, 1)).Next(Noon));
        Assert.Equal(WaitCause.Guarantees, wait.Cause);
    }

    [Fact]
    public void What_would_become_of_a_request_is_told_behind_those_that_wait()
    {
        Assert.IsType<QueueMove.Reserve>(Line(Idle, 600).Foresee(Asked("new", 512, 9), Noon));
        Assert.IsType<QueueMove.Plan>(Line(Idle, 600, Asked("first", 512, 1)).Foresee(Asked("new", 512, 9), Noon));
        Peer[] busy = [Peer("a", held: 2048, want: 2048, spare: 0)];
        Assert.IsType<QueueMove.Wait>(Line(busy, 600, Asked("first", 900, 1)).Foresee(Asked("new", 512, 9), Noon));
        Assert.IsType<QueueMove.Reserve>(Line(busy, 600, Asked("first", 900, 1)).Foresee(Asked("new", 512, 9, priority: 900), Noon));
    }

    [Fact]
    public void There_is_room_for_what_the_guarantees_leave()
    {
        var (a, launching) = (VmId.Parse("a"), VmId.Parse("launching"));
        var ledger = new Ledger(MiB(1000), MiB(10)).TakeIn(a, new(MiB(700), MiB(700), MiB(50))).Reserve(launching, MiB(100))!;
        Assert.Equal(
            MiB(1000 - 10 - 100 - 200 - 50),
            AdmissionRules.Room(ledger, new Dictionary<VmId, VmPolicy> { [a] = new(MiB(200), MiB(1000)) }));
    }

    [Fact]
    public void A_refusal_says_the_least_that_would_make_it_fit()
    {
        Assert.Null(AdmissionRules.Never(Asked("b", 200, 1).Spec, MiB(32), MemorySize.Zero, MiB(232), MiB(400)));
        Assert.Equal(
            "b needs 512 MiB to boot and about 32 MiB of overhead; with every peer at its min this host has room for 268 MiB: "
                + "a boot of at most 236 MiB, or the boot policy early, would fit; or its peers' mins must be 276 MiB less, or the host "
                + "must have that much more",
            AdmissionRules.Never(Asked("b", 512, 1).Spec, MiB(32), MemorySize.Zero, MiB(268), MiB(400)));
        Assert.Contains(
            "a min and a boot of at most 236 MiB would fit",
            AdmissionRules.Never(Asked("b", 512, 1, min: 400).Spec, MiB(32), MemorySize.Zero, MiB(268), MiB(400)));
        Assert.Contains(
            "room for 20 MiB: its peers' mins must be 524 MiB less",
            AdmissionRules.Never(Asked("b", 512, 1).Spec, MiB(32), MemorySize.Zero, MiB(20), MiB(600)));
        Assert.EndsWith(
            "room for 20 MiB: the host must have 524 MiB more",
            AdmissionRules.Never(Asked("b", 512, 1).Spec, MiB(32), MemorySize.Zero, MiB(20), MiB(400)));
    }
}
