using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>Tests each line of the table in docs/develop/hotplug.md that random histories can't tell from its neighbour.</summary>
public sealed class HotplugMachineStories
{
    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    [Fact]
    public void What_the_device_shows_and_the_guest_has_not_accepted_is_not_given()
    {
        var vm = new MachineUnderTest();
        vm.Sample(150);
        vm.Target(1280, maxMiB: 1280);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1024);
        vm.Wait(100);
        vm.Sample(150, totalMiB: 236);
        Assert.Equal(VmPhase.Growing, vm.Phase);
        Assert.Equal(MiB(1024 - 28), vm.State.Unaccepted);
        vm.Wait(100);
        vm.Sample(1150, totalMiB: 1260);
        Assert.Equal(VmPhase.Settled, vm.Phase);
        Assert.Equal(MiB(1280), vm.State.Given);
    }

    [Fact]
    public void Memory_that_the_kernel_keeps_back_for_itself_is_no_refusal()
    {
        // A crash kernel's 256 MiB are not in MemTotal.
        var vm = new MachineUnderTest(baseMiB: 1024);
        vm.Sample(500, totalMiB: 740);
        vm.Target(2048, maxMiB: 2048);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1024);
        vm.Wait(100);
        vm.Sample(1500, totalMiB: 740 + 1024);
        Assert.Equal(VmPhase.Settled, vm.Phase);
    }

    [Fact]
    public void Where_nobody_tells_a_size_counts_when_it_stays()
    {
        var vm = new MachineUnderTest();
        vm.Target(512, maxMiB: 512);
        vm.WaitSeconds(121);
        vm.Shows(pluggedMiB: 256);
        Assert.Equal(VmPhase.Growing, vm.Phase);
        vm.Wait(1100);
        Assert.Equal(VmPhase.Settled, vm.Phase);
    }

    [Fact]
    public void A_growth_that_falls_back_again_and_again_is_tried_less_and_less_and_then_left()
    {
        var vm = new MachineUnderTest();
        vm.Sample(150);
        vm.Target(1280);
        vm.Asked.Clear();
        var answered = 0;
        var phases = new List<VmPhase>();
        for (var second = 0; second < 120; second++)
        {
            vm.WaitSeconds(1);
            vm.Sample(150);
            phases.Add(vm.Phase);
            for (; answered < vm.Asked.Count; answered++)
            {
                vm.Shows(pluggedMiB: 128);
                vm.Wait(50);
                vm.Shows(pluggedMiB: 0);
            }
        }

        Assert.Contains(VmPhase.Stuck, phases);
        Assert.Equal(VmPhase.Settled, vm.Phase);
        Assert.Equal(MemorySize.Zero, vm.Plug());
        Assert.InRange(vm.Asked.Count, 4, 12);
    }

    [Fact]
    public void A_slow_shrink_that_moves_is_left_alone()
    {
        var vm = new MachineUnderTest();
        vm.Sample(150);
        vm.Target(1280, maxMiB: 1280);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1024);
        vm.Wait(100);
        vm.Sample(1100);
        vm.Target(512, maxMiB: 1280);
        for (var plugged = 1022; plugged > 320; plugged -= 2)
        {
            vm.WaitSeconds(4);
            vm.Sample(1100);
            Assert.Equal(VmPhase.Shrinking, vm.Phase);
            vm.Shows(pluggedMiB: plugged);
        }
    }

    [Fact]
    public void A_shrink_without_movement_is_stuck_then_uncooperative_and_forgiven_when_it_moves()
    {
        var vm = new MachineUnderTest();
        vm.Sample(150);
        vm.Target(1280, maxMiB: 1280);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1024);
        vm.Wait(100);
        vm.Sample(1100);
        vm.Target(512, maxMiB: 1280);
        var seen = new List<VmPhase>();
        for (var second = 0; second < 40; second++)
        {
            vm.WaitSeconds(1);
            vm.Sample(1100);
            if (seen.Count == 0 || seen[^1] != vm.Phase)
                seen.Add(vm.Phase);
        }

        // The balloon takes the rest of an unplug that is stuck; this balloon does not move either.
        Assert.Equal([VmPhase.Shrinking, VmPhase.Stuck, VmPhase.Uncooperative], seen);
        vm.Shows(pluggedMiB: 800);
        Assert.Equal(VmPhase.Shrinking, vm.Phase);
    }

    [Fact]
    public void One_that_gives_what_was_asked_of_its_device_and_of_its_balloon_both_at_once_is_no_nearer_and_goes_on_from_there()
    {
        var vm = new MachineUnderTest();
        vm.Sample(150);
        vm.Target(1280, maxMiB: 1280);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1024);
        vm.Wait(100);
        vm.Sample(1100);
        vm.Target(1080, maxMiB: 1280);
        for (var second = 0; second < 40; second++)
        {
            vm.WaitSeconds(1);
            vm.Sample(1100);
        }

        Assert.Equal(VmPhase.Uncooperative, vm.Phase);
        vm.Shows(pluggedMiB: 824, balloonedMiB: 200);
        Assert.Equal(VmPhase.Stuck, vm.Phase);
        vm.Shows(pluggedMiB: 824, balloonedMiB: 100);
        Assert.Equal(VmPhase.Growing, vm.Phase);
    }

    [Fact]
    public void A_guest_that_moves_the_other_way_makes_no_progress()
    {
        var vm = new MachineUnderTest(baseMiB: 1024);
        vm.Sample(900);
        vm.Target(512, maxMiB: 1024);
        vm.Wait(100);
        vm.Sample(900);
        vm.Shows(balloonedMiB: 300);
        for (var taken = 299; vm.Phase == VmPhase.Shrinking && taken > 200; taken--)
        {
            vm.WaitSeconds(1);
            vm.Sample(200);
            vm.Shows(balloonedMiB: taken);
        }

        Assert.Equal(VmPhase.Stuck, vm.Phase);
    }

    [Fact]
    public void A_guest_with_nothing_left_gets_a_rescue_dimm_and_no_more_than_its_target()
    {
        var vm = new MachineUnderTest(can: new(Balloon: true, MemorySize.FromGiB(8), MiB(2), []) { RescueSize = MiB(128) });
        vm.Sample(3);
        vm.Asked.Clear();
        vm.Target(1024, urgent: true);
        vm.Wait(10);
        Assert.Equal(MiB(384), Assert.Single(vm.Asked.OfType<VmEvent.RescueAsked>()).Base);
        Assert.True(vm.State.Ceiling <= MiB(1024), $"told to become {vm.State.Ceiling}");
        vm.Shows(baseMiB: 384);
        vm.Wait(100);
        vm.Sample(120);
        vm.Asked.Clear();
        vm.Shows(pluggedMiB: 640);
        vm.Wait(100);
        vm.Sample(700);
        Assert.Equal(VmPhase.Settled, vm.Phase);
        Assert.Empty(vm.Asked.OfType<VmEvent.RescueAsked>());
    }

    [Fact]
    public void A_rescue_dimm_comes_only_once_the_plug_that_was_told_is_told_less()
    {
        // The plug may still take what it was told before: found by the simulation (seed 1000).
        var vm = new MachineUnderTest(can: new(Balloon: true, MemorySize.FromGiB(8), MiB(2), []) { RescueSize = MiB(128) });
        vm.Sample(150);
        vm.Target(1024, urgent: true);
        Assert.Equal(MiB(1024), vm.State.Ceiling);
        vm.Wait(100);
        vm.Sample(3);
        Assert.Empty(vm.Asked.OfType<VmEvent.RescueAsked>());
        Assert.Equal(MiB(0), vm.Asked.OfType<VmEvent.PlugAsked>().Last().Plugged);
        vm.Wait(100);
        vm.Sample(3);
        Assert.Single(vm.Asked.OfType<VmEvent.RescueAsked>());
        Assert.True(vm.State.Ceiling <= MiB(1024), $"told to become {vm.State.Ceiling}");
    }

    [Fact]
    public void A_guest_that_is_being_rescued_is_plugged_only_when_the_DIMM_is_of_use_to_it()
    {
        // The plug would take the guest's last pages first: seen on a real guest, in which the OOM killer acted.
        var vm = new MachineUnderTest(can: new(Balloon: true, MemorySize.FromGiB(8), MiB(2), []) { RescueSize = MiB(128) });
        vm.Sample(3);
        vm.Target(1024, urgent: true);
        vm.Wait(250);
        Assert.IsType<VmEvent.RescueAsked>(Assert.Single(vm.Asked));
        vm.Shows(baseMiB: 384);
        vm.Wait(250);
        Assert.Single(vm.Asked);
        vm.Sample(80);
        Assert.Equal(MiB(640), Assert.IsType<VmEvent.PlugAsked>(vm.Asked[^1]).Plugged);
    }

    [Fact]
    public void A_guest_that_was_rescued_and_says_nothing_is_plugged_all_the_same_after_a_while()
    {
        var vm = new MachineUnderTest(can: new(Balloon: true, MemorySize.FromGiB(8), MiB(2), []) { RescueSize = MiB(128) });
        vm.Sample(3);
        vm.Target(1024, urgent: true);
        vm.Wait(100);
        vm.Shows(baseMiB: 384);
        vm.WaitSeconds(3);
        Assert.Contains(vm.Asked, e => e is VmEvent.PlugAsked);
    }

    [Fact]
    public void A_guest_that_has_its_spark_left_needs_no_rescue()
    {
        var vm = new MachineUnderTest(can: new(Balloon: true, MemorySize.FromGiB(8), MiB(2), []) { RescueSize = MiB(128) });
        vm.Sample(150);
        vm.Target(256);
        vm.Shows(balloonedMiB: 24);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 24);
        vm.Wait(100);
        vm.Sample(3);
        Assert.Equal(VmPhase.Settled, vm.Phase);
        vm.Target(1024, urgent: true);
        Assert.Empty(vm.Asked.OfType<VmEvent.RescueAsked>());
        Assert.Equal(MemorySize.Zero, vm.Asked.OfType<VmEvent.BalloonAsked>().Last().Ballooned);
        Assert.Equal(MiB(768), vm.Asked.OfType<VmEvent.PlugAsked>().Last().Plugged);
    }

    [Fact]
    public void A_max_beyond_its_devices_asks_for_another_and_a_refusal_is_said_and_tried_again()
    {
        var vm = new MachineUnderTest(can: new(Balloon: true, MemorySize.FromGiB(1), MiB(2), []) { ExtendableTo = MemorySize.FromGiB(64) });
        vm.Sample(150);
        vm.Asked.Clear();
        vm.Target(256, maxMiB: 16384);
        Assert.Equal(MiB(16384 - 256), Assert.Single(vm.Asked.OfType<VmEvent.ExtensionAsked>()).PluggableMax);
        vm.Feed(new VmCommand.Refuse(Addition.Device, "no port is left"));
        vm.Target(8192, maxMiB: 16384);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1024);
        vm.Wait(100);
        vm.Sample(1000);
        Assert.Contains("no port is left", vm.State.Why);
        vm.WaitSeconds(5);
        Assert.True(vm.Asked.OfType<VmEvent.ExtensionAsked>().Count() >= 2);
        vm.Feed(new VmCommand.Connect(vm.Can with { PluggableMax = MemorySize.FromGiB(16) }));
        Assert.Null(vm.State.ExtendFault);
        vm.WaitSeconds(1);
        Assert.True(vm.Asked.OfType<VmEvent.PlugAsked>().Last().Plugged > MemorySize.FromGiB(1));
    }

    [Fact]
    public void A_guest_is_never_asked_for_more_than_it_can_accept()
    {
        var vm = new MachineUnderTest(
            can: new(Balloon: true, MemorySize.FromGiB(64), MiB(2), []),
            hello: new() { Protocol = 1, AutoOnline = "online_movable", VirtioMem = true });
        vm.Sample(150);
        vm.Target(32768, maxMiB: 65536, urgent: true);
        Assert.True(vm.Asked.OfType<VmEvent.PlugAsked>().Last().Plugged <= MemorySize.FromGiB(8));
        Assert.Equal(MemorySize.FromGiB(8) + MiB(256), Ladder.Reachable(vm.State, vm.State.Max));
    }

    [Fact]
    public void Nothing_is_taken_on_an_old_sample()
    {
        var vm = new MachineUnderTest(baseMiB: 1024);
        vm.Sample(900);
        vm.WaitSeconds(10);
        vm.Asked.Clear();
        vm.Target(512, maxMiB: 1024);
        vm.WaitSeconds(3);
        Assert.Empty(vm.Asked);
        vm.Sample(900);
        Assert.Equal(MiB(512), Assert.IsType<VmEvent.BalloonAsked>(Assert.Single(vm.Asked)).Ballooned);
    }

    [Fact]
    public void What_takes_memory_is_asked_before_what_gives_it()
    {
        // The VM grows by plugging, with 24 MiB of spark in the balloon; then it becomes urgent: less is plugged, and the balloon gives.
        var vm = new MachineUnderTest(baseMiB: 512);
        vm.Sample(300);
        vm.Target(512);
        vm.Shows(pluggedMiB: 24, balloonedMiB: 24);
        vm.Target(608);
        vm.Asked.Clear();
        vm.Target(608, urgent: true);
        // The guest may go on plugging until it is told, so the balloon gives only after that.
        Assert.Equal(MiB(96), Assert.IsType<VmEvent.PlugAsked>(Assert.Single(vm.Asked)).Plugged);
        vm.Wait(10);
        Assert.Equal(MiB(0), Assert.IsType<VmEvent.BalloonAsked>(vm.Asked[^1]).Ballooned);
    }
}
