using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>
/// VMs that are plugged by DIMMs, or have no balloon: if a target can't be reached exactly, the VM comes as near as possible, and never
/// exceeds it.
/// </summary>
public sealed class WholeBlockStories
{
    private static readonly VmCapabilities Dimms = new(Balloon: true, MemorySize.FromGiB(4), MiB(512), []) { BalloonTakesPlugged = true };

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    /// <summary>A VM of 1280 MiB, 1024 of them plugged.</summary>
    private static MachineUnderTest Grown(VmCapabilities can)
    {
        var vm = new MachineUnderTest(can: can);
        vm.Sample(150);
        vm.Target(1280);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1024);
        vm.Wait(100);
        return vm;
    }

    /// <summary>A VM that shrinks from 1280 to 400 MiB; its balloon has taken 165 of the 300 MiB that it was asked for.</summary>
    private static MachineUnderTest Shrinking()
    {
        var vm = Grown(Dimms);
        vm.Sample(332);
        vm.Target(400);
        Assert.Equal(MiB(300), vm.Balloon());
        vm.Wait(100);
        vm.Shows(balloonedMiB: 165);
        vm.Wait(100);
        return vm;
    }

    [Fact]
    public void On_the_way_up_as_many_DIMMs_are_plugged_as_fit()
    {
        var vm = new MachineUnderTest(can: Dimms);
        vm.Sample(150);
        vm.Target(1000);
        Assert.Equal(MiB(512), Assert.IsType<VmEvent.PlugAsked>(Assert.Single(vm.Asked)).Plugged);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 512);
        vm.Wait(100);
        vm.Sample(600);
        Assert.Equal(VmPhase.Settled, vm.Phase);
        Assert.Contains("in whole blocks of 512 MiB", vm.State.Why);
        Assert.DoesNotContain(vm.Asked, e => e is VmEvent.BalloonAsked);
    }

    [Fact]
    public void Less_than_one_DIMM_is_no_growth_and_nobody_waits_for_it()
    {
        var vm = new MachineUnderTest(can: Dimms);
        vm.Sample(150);
        vm.Target(750);
        vm.WaitSeconds(60);
        Assert.Equal((VmPhase.Settled, 0), (vm.Phase, vm.Asked.Count));
    }

    [Fact]
    public void On_the_way_down_the_balloon_takes_a_part_of_a_DIMM_that_stays()
    {
        var vm = Grown(Dimms);
        vm.Sample(1200);
        vm.Asked.Clear();
        vm.Target(1000);
        Assert.Equal(MiB(280), Assert.IsType<VmEvent.BalloonAsked>(Assert.Single(vm.Asked)).Ballooned);
        vm.Wait(100);
        vm.Shows(balloonedMiB: 280);
        vm.Wait(100);
        vm.Sample(900);
        Assert.Equal((VmPhase.Settled, null), (vm.Phase, vm.State.Why));
    }

    [Fact]
    public void What_a_guest_cant_spare_as_a_whole_DIMM_it_gives_by_its_balloon()
    {
        var vm = Grown(Dimms);
        vm.Sample(332);
        vm.Asked.Clear();
        vm.Target(256);
        Assert.Equal(MiB(300), Assert.IsType<VmEvent.BalloonAsked>(Assert.Single(vm.Asked)).Ballooned);
    }

    /// <summary>Seen with Linux 6.1: a balloon that went on while a DIMM was being emptied left the guest without any memory.</summary>
    [Fact]
    public void The_balloon_stops_where_it_is_while_a_DIMM_is_emptied()
    {
        var vm = Shrinking();
        vm.Sample(600);
        Assert.Equal([MiB(512), MiB(165)], [vm.Plug(), vm.Balloon()]);

        // The guest takes block after block out of use: that is progress, however long it takes.
        for (long total = 1132; total > 800; total -= 128)
        {
            vm.WaitSeconds(4);
            vm.Sample(300, total);
        }

        Assert.Equal([MiB(512), MiB(165)], [vm.Plug(), vm.Balloon()]);
        Assert.Equal(VmPhase.Shrinking, vm.Phase);
        vm.Shows(pluggedMiB: 512);
        vm.Wait(100);
        vm.Sample(400, 720);
        Assert.Equal(MiB(368), vm.Balloon());
    }

    [Fact]
    public void A_DIMM_that_is_not_given_is_left_and_the_balloon_takes_what_the_guest_can_spare()
    {
        var vm = Shrinking();
        vm.Sample(600);
        Assert.Equal(MiB(512), vm.Plug());
        vm.WaitSeconds(6);
        Assert.Equal(MiB(1024), vm.Plug());
        vm.Sample(600);
        Assert.Equal(MiB(165 + 568), vm.Balloon());

        // The guest is not asked for the same again at once, though it could spare it.
        vm.WaitSeconds(2);
        vm.Sample(600);
        Assert.Equal(MiB(1024), vm.Plug());
    }

    /// <summary>
    /// A VM of which one DIMM of two is asked back, for 1000 MiB. It had 768 and was told 1280, then 1000 before the second DIMM had
    /// come, which then comes all the same.
    /// </summary>
    private static MachineUnderTest WithOneTooMany()
    {
        var vm = new MachineUnderTest(can: Dimms);
        vm.Sample(150);
        vm.Target(768);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 512);
        vm.Wait(100);
        vm.Sample(600);
        vm.Target(1280);
        Assert.Equal(MiB(1024), vm.Plug());
        vm.Target(1000);
        Assert.Equal(MiB(512), vm.Plug());
        vm.Asked.Clear();
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1024);
        vm.Wait(100);
        vm.Sample(1100);
        return vm;
    }

    /// <summary>The same target could also be reached with that DIMM and the balloon: the operation is not reversed for that.</summary>
    [Fact]
    public void A_DIMM_that_was_asked_back_counts_as_gone()
    {
        var vm = WithOneTooMany();
        vm.Wait(100);
        Assert.Empty(vm.Asked);
        vm.Shows(pluggedMiB: 512);
        vm.Wait(100);
        vm.Sample(600);
        Assert.Equal((VmPhase.Settled, 0), (vm.Phase, vm.Asked.Count));
    }

    [Fact]
    public void A_DIMM_that_was_asked_back_and_is_not_given_stays_and_the_balloon_takes_the_rest()
    {
        var vm = WithOneTooMany();
        vm.WaitSeconds(6);
        vm.Sample(1100);
        Assert.Equal([MiB(1024), MiB(280)], [vm.Plug(), vm.Balloon()]);
        vm.Shows(balloonedMiB: 280);
        vm.Wait(100);
        vm.Sample(800);
        Assert.Equal((VmPhase.Settled, MiB(1000)), (vm.Phase, vm.State.Actual));
    }

    [Fact]
    public void A_VM_without_a_balloon_is_never_asked_to_inflate_one_however_urgent_it_is()
    {
        var vm = new MachineUnderTest(can: new(Balloon: false, MemorySize.FromGiB(4), MiB(256), []));
        vm.Sample(100);
        vm.Target(1000, urgent: true);
        Assert.Equal(MiB(512), Assert.IsType<VmEvent.PlugAsked>(Assert.Single(vm.Asked)).Plugged);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 512);
        vm.Wait(100);
        vm.Sample(600);
        Assert.Equal(VmPhase.Settled, vm.Phase);
    }

    [Fact]
    public void A_VM_without_a_balloon_is_not_shrunk_below_its_target_for_the_sake_of_a_block()
    {
        var vm = Grown(new(Balloon: false, MemorySize.FromGiB(4), MiB(256), []));
        vm.Sample(1200);
        vm.Asked.Clear();
        vm.Target(700);
        Assert.Equal(MiB(512), Assert.IsType<VmEvent.PlugAsked>(Assert.Single(vm.Asked)).Plugged);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 512);
        vm.Wait(100);
        vm.Sample(600);
        Assert.Equal((VmPhase.Settled, MiB(768)), (vm.Phase, vm.State.Actual));
    }

    [Fact]
    public void A_VM_without_a_balloon_that_holds_a_part_of_a_block_too_much_stays_as_it_is()
    {
        // Somebody else plugged 100 MiB, which is nearer to 400 than any number of whole blocks.
        var vm = new MachineUnderTest(can: new(Balloon: false, MemorySize.FromGiB(4), MiB(256), []));
        vm.Sample(150);
        vm.Shows(pluggedMiB: 100);
        vm.Wait(100);
        vm.Sample(200);
        vm.Target(400);
        Assert.Equal(VmPhase.Settled, vm.Phase);
    }
}
