using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>
/// Orders of events in which a VM could become larger than it was promised, as examples. The simulation found them (<c>dmm lab
/// simulate</c>).
/// </summary>
public sealed class HeldAgainstTheTarget
{
    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    /// <summary>Seed 7, step 112: the balloon that was to take back half of the block had not inflated yet.</summary>
    [Fact]
    public void A_target_that_is_no_whole_block_is_not_exceeded_while_the_balloon_inflates()
    {
        var vm = new MachineUnderTest(baseMiB: 233);
        vm.Sample(100);
        vm.Target(464, urgent: true);
        Assert.True(vm.State.Ceiling <= MiB(464), $"it can become {vm.State.Ceiling}");
        vm.Shows(pluggedMiB: 230, balloonedMiB: 1);
        vm.Sample(300);
        Assert.True(vm.State.Ceiling <= MiB(464), $"it can become {vm.State.Ceiling}");
    }

    /// <summary>Seed 4, step 377: a deflation was carried out before the plug that went with it was lowered.</summary>
    [Fact]
    public void The_balloon_gives_only_what_a_plug_under_way_leaves_to_give()
    {
        var vm = new MachineUnderTest(baseMiB: 200);
        vm.Sample(150);
        vm.Target(720, urgent: true);
        vm.Shows(pluggedMiB: 520, balloonedMiB: 0);
        vm.Sample(250);
        vm.Target(720);
        vm.Wait(100);
        vm.Sample(250);
        vm.Shows(balloonedMiB: 24);
        vm.Wait(100);
        vm.Sample(250);
        // The spark is saved up: 544 are asked for, 520 are plugged. Now the guest is in need.
        Assert.Equal(MiB(544), vm.State.Sizes!.PluggedTarget);
        vm.Asked.Clear();
        vm.Target(721, urgent: true);
        Assert.DoesNotContain(vm.Asked, e => e is VmEvent.BalloonAsked b && MiB(200 + 544) - b.Ballooned > MiB(721));
    }

    /// <summary>Seed 1, step 461: the DIMM came while the plug that it replaced was still asked for.</summary>
    [Fact]
    public void A_rescue_waits_until_the_plug_that_cant_be_paid_is_taken_back()
    {
        var can = new VmCapabilities(Balloon: true, MemorySize.FromGiB(8), MiB(2), []) { RescueSize = MiB(128) };
        var vm = new MachineUnderTest(can: can);
        vm.Sample(100);
        vm.Target(512, urgent: true);
        vm.Wait(100);
        Assert.Equal(MiB(256), vm.State.Sizes!.PluggedTarget);
        vm.Asked.Clear();
        vm.Sample(1);
        Assert.Equal(MiB(0), Assert.IsType<VmEvent.PlugAsked>(Assert.Single(vm.Asked)).Plugged);
        vm.Wait(100);
        Assert.Contains(vm.Asked, e => e is VmEvent.RescueAsked);
        Assert.True(vm.State.Ceiling <= MiB(512), $"it can become {vm.State.Ceiling}");
    }

    /// <summary>Seed 1034, step 157251: room was kept for ever for a DIMM that was never given.</summary>
    [Fact]
    public void A_rescue_that_was_lost_with_its_connection_is_not_waited_for()
    {
        var can = new VmCapabilities(Balloon: true, MemorySize.FromGiB(8), MiB(2), []) { RescueSize = MiB(128) };
        var vm = new MachineUnderTest(can: can);
        vm.Sample(1);
        vm.Target(512, urgent: true);
        vm.Wait(100);
        Assert.Equal(MiB(128), vm.State.RescueDue);
        vm.Feed(new VmCommand.Lose("the socket closed"));
        vm.Feed(new VmCommand.Connect(can));
        Assert.Equal(MemorySize.Zero, vm.State.RescueDue);
    }

    /// <summary>While calls are under way it is uncertain what the devices were told: a further order could not be bounded.</summary>
    [Fact]
    public void Nothing_more_is_asked_while_calls_are_out()
    {
        var vm = new MachineUnderTest();
        vm.Sample(150);
        var now = vm.State.AvailableAt + TimeSpan.FromSeconds(1);
        var command = new VmCommand.SetTarget(MiB(1024), MiB(8192), false);
        Assert.Contains(HotplugMachine.Decide(vm.State, command, now), e => e is VmEvent.PlugAsked);
        var busy = HotplugMachine.Decide(vm.State with { Busy = true }, command, now);
        Assert.DoesNotContain(busy, e => e is VmEvent.PlugAsked or VmEvent.BalloonAsked or VmEvent.RescueAsked or VmEvent.ExtensionAsked);
        Assert.Contains(busy, e => e is VmEvent.TargetChanged);
    }
}
