using Dmm.Core;
using Dmm.Core.Laws;
using Dmm.Lab.Replay;
using static Dmm.Lab.Tests.Shared;

namespace Dmm.Lab.Tests.Replay;

/// <summary>Every expected figure here is computed by hand, in MiB and seconds.</summary>
public sealed class ReplayEngineTests
{
    private static readonly Func<TimeSpan, int, LawGuest, long?> Follows = (_, _, guest) => guest.Used / Mib;

    [Fact]
    public void A_burst_is_short_until_the_law_looks_the_mechanism_answers_and_memory_arrives()
    {
        var law = new ScriptedLaw(4, Follows);
        var engine = Engine(1000, law, 30, Vm("a", 100, 1000, (0, 100), (10, 300)));
        Assert.True(engine.Run());
        var vm = engine.Vms[0];
        // The law sees it at 12, and memory moves from 13 to 15: 200 × 3, and a triangle of 200 × 2 ÷ 2.
        Assert.Equal(800, vm.ShortfallByteSeconds / Mib, 6);
        Assert.Equal(5, vm.ShortSeconds, 6);
        // 200 are short for the 2 s until the law looks; then they are granted and under way.
        Assert.Equal((400, 0, 0, 400), Causes(vm));
        Assert.Equal(0, vm.SlackByteSeconds / Mib, 6);
        Assert.Equal((100 * 10) + (300 * 20), vm.NeedByteSeconds / Mib, 6);
        Assert.Equal(200, vm.MovedBytes / Mib, 6);
        Assert.Equal(1, vm.Resizes);
        var figures = engine.Figures("x", 1, 0);
        Assert.Equal(800.0 / 7000, figures.ShortfallRatio, 9);
        Assert.Equal(5.0 / 30, figures.ShortfallTimeRatio, 9);
        Assert.Equal(200.0 * 3600 / 7000, figures.MovedRatio, 9);
        Assert.Equal(3600.0 / 30, figures.ResizesPerVmHour, 9);
    }

    [Fact]
    public void Who_hears_pressure_is_credited_with_it()
    {
        var engine = Engine(1000, new ScriptedLaw(100, Follows, LawEvents.Pressure), 30, Vm("a", 100, 1000, (0, 100), (10, 300)));
        engine.Run();
        // The law hears after half a second, the mechanism answers after a second more, then the movement takes two seconds.
        Assert.Equal((200 * 1.5) + 200, engine.Vms[0].ShortfallByteSeconds / Mib, 6);
    }

    [Fact]
    public void What_is_left_over_is_slack_until_it_is_taken()
    {
        var engine = Engine(1000, new ScriptedLaw(4, Follows), 30, Vm("a", 100, 1000, (0, 300), (10, 100)));
        engine.Run();
        Assert.Equal(800, engine.Vms[0].SlackByteSeconds / Mib, 6);
        Assert.Equal(0, engine.Vms[0].ShortfallByteSeconds);
    }

    [Fact]
    public void A_shrink_that_meets_a_need_that_falls_takes_few_steps()
    {
        var plan = Vm("a", 100, 1000, (0, 800)) with { Need = new([0, 35 * Second], [800 * Mib, 100 * Mib], Linear: true) };
        var engine = Engine(1000, new ScriptedLaw(100, (_, _, _) => 100), 40, plan);
        var events = 0;
        engine.Watcher = () => Assert.InRange(++events, 1, 200);
        engine.Run();
        // Actual and need meet at 775 MiB after 1.25 s. Then the guest swaps out 50 MiB a second while it gives 20, until it has 100 at
        // 14.75 s and needs 505, which falls to 100 in 20.25 s more.
        Assert.Equal(100, engine.Vms[0].Actual / Mib, 6);
        Assert.InRange(engine.Vms[0].ShortfallByteSeconds / Mib, (405 * 13.5 / 2) + (405 * 20.25 / 2) - 1, (405 * 13.5 / 2)
            + (405 * 20.25 / 2) + 1);
    }

    [Fact]
    public void A_shrink_below_need_goes_no_faster_than_the_guest_swaps()
    {
        var law = new ScriptedLaw(10, (now, _, _) => now.TotalSeconds >= 10 ? 100 : null);
        var engine = Engine(1000, law, 30, Vm("a", 100, 1000, (0, 300)));
        engine.Run();
        // From 11 on it gets 50 MiB a second: 200 in 4 s, a triangle; then 200 are short for 15 s.
        Assert.Equal((200 * 4 / 2) + (200 * 15), engine.Vms[0].ShortfallByteSeconds / Mib, 6);
        Assert.Equal(19, engine.Vms[0].ShortSeconds, 6);
    }

    [Theory]
    [InlineData(1_000, 0.9)]
    [InlineData(1_000_000, 0.001)]
    [InlineData(1_000_000_000, 0.001)]
    public void What_a_guest_does_not_use_is_taken_as_fast_as_the_mechanism_can_however_fast_that_is(double rate, double seconds)
    {
        // 100 of 1000 MiB are used: 900 are taken from 11 on.
        var delays = Plain with { UnplugMibPerSecond = rate };
        var engine = new ReplayEngine(
            1000 * Mib, [Vm("a", 100, 1000, (0, 1000), (1, 100))], new ScriptedLaw(10, (now, _, _) => now.TotalSeconds < 10 ? null : 100),
            delays, 30 * Second, seed: 1);
        var arrived = long.MaxValue;
        engine.Watcher = () => arrived = engine.Vms[0].Actual <= 100 * Mib ? Math.Min(arrived, engine.Now) : arrived;
        engine.Run();
        Assert.InRange(arrived, 11 * Second, (long)((11 + seconds) * Second) + 10);
    }

    [Fact]
    public void A_growth_waits_for_the_peers_shrink_to_be_confirmed()
    {
        // At the same time b gives 200 and a wants them; the host is full. 100 are confirmed at 12 (a second to answer, a second to
        // move), 100 at 13.
        var law = new ScriptedLaw(10, (now, i, _) => now.TotalSeconds < 10 ? null : i == 0 ? 300 : 100);
        var engine = Engine(400, law, 30, Vm("a", 100, 300, (0, 100), (10, 300)), Vm("b", 100, 300, (0, 300), (10, 100)));
        engine.Run();
        // The first 100 of a arrive from 13 to 14, and without a pause the others until 15: 200 × 3 + 200 × 2 ÷ 2.
        Assert.Equal(800, engine.Vms[0].ShortfallByteSeconds / Mib, 6);
        // It waits for 200 for 2 s, and for 100 for a second more; the rest is time under way.
        Assert.Equal((0, 0, 500, 300), Causes(engine.Vms[0]));
        Assert.Equal(400 * Mib, engine.Host.Used);
    }

    [Fact]
    public void What_the_law_wants_less_than_the_guest_needs_is_the_laws_decision()
    {
        var engine = Engine(
            1000, new ScriptedLaw(10, (now, _, _) => now.TotalSeconds < 10 ? null : 250), 30, Vm("a", 100, 1000, (0, 100), (10, 300)));
        engine.Run();
        // From 10 on 50 are short; 150 arrive from 11 to 12.5.
        Assert.Equal((0, 50 * 20, 0, 150 + (150 * 1.5 / 2)), Causes(engine.Vms[0]));
    }

    [Fact]
    public void A_law_that_may_look_only_each_so_often_looks_later()
    {
        ReplayEngine Looking(double least) =>
            new(1000 * Mib, [Vm("a", 100, 1000, (0, 100), (9, 300))], new ScriptedLaw(4, Follows), Plain, 30 * Second, 1,
                TimeSpan.FromSeconds(least));
        var (own, slower, faster) = (Looking(4), Looking(20), Looking(1));
        Assert.True(own.Run() && slower.Run() && faster.Run());
        // The laws look at 12, or at 20: 200 for 8 s more.
        Assert.Equal(200 * 8, (slower.Vms[0].ShortfallByteSeconds - own.Vms[0].ShortfallByteSeconds) / Mib, 6);
        Assert.Equal(own.Vms[0].ShortfallByteSeconds, faster.Vms[0].ShortfallByteSeconds);
    }

    private static (double Hearing, double Deciding, double Waiting, double Moving) Causes(ReplayVm vm) =>
        (Of(vm.Causes.Hearing), Of(vm.Causes.Deciding), Of(vm.Causes.Waiting), Of(vm.Causes.Moving));

    private static double Of(double byteSeconds) => Math.Round(byteSeconds / Mib, 6);

    [Theory]
    [InlineData(-1, 200)]
    [InlineData(1, 100)]
    public void Who_asked_first_is_served_first_unless_another_is_urgent(int urgent, long first)
    {
        var law = new ScriptedLaw(10, (now, i, _) => now.TotalSeconds < 10 ? null : 200) { Urgent = urgent };
        var engine = Engine(300, law, 20, Vm("a", 100, 200, (0, 100)), Vm("b", 100, 200, (0, 100)));
        engine.Run();
        Assert.Equal(first, (long)engine.Vms[0].Actual / Mib);
        Assert.Equal(300 - first, (long)engine.Vms[1].Actual / Mib);
    }

    [Fact]
    public void A_growth_that_is_called_off_halfway_gives_back_what_it_was_granted()
    {
        var law = new ScriptedLaw(1, (now, _, _) => now.TotalSeconds switch { < 10 => null, < 12 => 500, _ => 100 }) { Restless = true };
        var engine = Engine(600, law, 30, Vm("a", 100, 500, (0, 100)));
        engine.Run();
        // It moves by 100 from 11 to 12, then takes a second to answer and a second to move back.
        Assert.Equal(200, engine.Vms[0].MovedBytes / Mib, 3);
        Assert.Equal(100 * Mib, engine.Host.Used);
        Assert.Equal((100 / 2) + 100 + (100 / 2), engine.Vms[0].SlackByteSeconds / Mib, 3);
    }

    [Fact]
    public void A_stuck_guest_stands_and_what_it_holds_is_not_given_away()
    {
        var law = new ScriptedLaw(10, (now, i, _) => now.TotalSeconds < 10 ? null : i == 0 ? 300 : 100);
        var stuck = Vm("b", 100, 300, (0, 300), (10, 100)) with { Stuck = (5 * Second, 40 * Second) };
        var engine = Engine(400, law, 45, Vm("a", 100, 300, (0, 100)), stuck);
        engine.Watcher = () => Assert.True(
            engine.Now >= 40 * Second || engine.Vms[1].Held == 300 * Mib, $"holds {engine.Vms[1].Held} at {engine.Now}");
        engine.Run();
        Assert.Equal(100, engine.Vms[1].Actual / Mib);
        Assert.Equal(300, engine.Vms[0].Actual / Mib);
    }

    [Fact]
    public void A_new_vm_has_its_memory_when_a_peer_has_made_room()
    {
        var law = new ScriptedLaw(0, (_, i, guest) => i == 0 ? guest.Used / Mib : null, LawEvents.Population);
        var newcomer = Vm("b", 200, 300, (20, 200)) with { JoinsAt = 20 * Second };
        var engine = Engine(400, law, 40, Vm("a", 100, 400, (0, 300), (10, 100)), newcomer);
        engine.Run();
        // 100 are free at once and arrive from 21 to 22; the peer's 200 are confirmed at 22 and 23: the second 100 arrive from 23 (after
        // a second to answer) to 24.
        Assert.Equal(200, engine.Vms[1].Actual / Mib);
        Assert.Equal(200 + 50 + 100 + 50, engine.Vms[1].ShortfallByteSeconds / Mib, 3);
    }

    [Fact]
    public void A_liar_says_more_than_it_uses_and_is_measured_by_what_it_uses()
    {
        long said = 0;
        var law = new ScriptedLaw(1, (_, _, guest) => (said = guest.Used / Mib) * 0 + 300);
        var engine = Engine(1000, law, 30, Vm("a", 100, 1000, (0, 100)) with { Lie = MemorySize.FromMiB(150) });
        engine.Run();
        Assert.Equal(250, said);
        Assert.Equal(0, engine.Vms[0].ShortfallByteSeconds);
    }

    [Fact]
    public void A_law_of_balloons_never_gives_more_than_boot()
    {
        var vm = Vm("a", 100, 1000, (0, 500)) with { Boot = MemorySize.FromMiB(200) };
        var engine = Engine(1000, new ScriptedLaw(1, (_, _, _) => 1000) { BalloonOnly = true }, 30, vm);
        engine.Run();
        Assert.Equal(200, engine.Vms[0].Actual / Mib);
        Assert.Equal(300 * 30, engine.Vms[0].ShortfallByteSeconds / Mib, 6);
    }

    [Fact]
    public void A_law_at_rest_is_left_alone_until_something_changes()
    {
        var law = new ScriptedLaw(1, Follows);
        Engine(1000, law, 100_000, Vm("a", 100, 1000, (0, 100), (50_000, 300))).Run();
        Assert.True(law.Calls.Count < 20, $"asked {law.Calls.Count} times");
        Assert.Contains((50_001, LawEvents.None), law.Calls);
    }

    [Fact]
    public void A_line_of_need_is_reckoned_exactly()
    {
        // The need grows from 100 to 300 within 20 s, and the VM has 200 all the time: a triangle of slack and one of shortfall, 10 s ×
        // 100 ÷ 2 each.
        var plan = Vm("a", 200, 1000, (0, 100)) with { Need = new([0, 20 * Second], [100 * Mib, 300 * Mib], Linear: true) };
        var engine = Engine(1000, new ScriptedLaw(0, (_, _, _) => null), 20, plan);
        engine.Run();
        Assert.Equal(500, engine.Vms[0].ShortfallByteSeconds / Mib, 6);
        Assert.Equal(500, engine.Vms[0].SlackByteSeconds / Mib, 6);
        Assert.Equal(200 * 20, engine.Vms[0].NeedByteSeconds / Mib, 6);
    }

    [Fact]
    public void Cache_fills_what_is_idle_so_that_little_is_free_and_much_available()
    {
        LawGuest last = default;
        var law = new ScriptedLaw(1, (_, _, guest) =>
        {
            last = guest;
            return 500;
        });
        Engine(1000, law, 60, Vm("a", 100, 1000, (0, 100))).Run();
        Assert.Equal(400, last.Available / Mib);
        Assert.InRange(last.Free / Mib, 10, 20);
    }

    [Fact]
    public void Fairness_is_jains_index_of_what_each_gets_of_its_share()
    {
        // Each needs 400 of the 600 that there are, so its fair share is 300; one has 400 and one 200: x = 4/3, 2/3, (Σx)² ÷ (2 Σx²) = 4
        // ÷ (2 × 20/9) = 0.9.
        var engine = Engine(600, new ScriptedLaw(0, (_, _, _) => null), 1000, Vm("a", 200, 400, (0, 400)), Vm("b", 200, 400, (0, 400)));
        engine.Run();
        Assert.Equal(0.9, engine.Figures("x", 2, 0).Jain, 9);
    }
}
