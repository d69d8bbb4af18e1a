using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>Operations that do not end as they began: reversed by a new target or by the guest's need, or ended part of the way.</summary>
public sealed class TurnStories
{
    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    [Fact]
    public void A_growth_that_is_turned_round_stops_at_once_even_where_nothing_can_be_taken_yet()
    {
        var vm = new MachineUnderTest();
        vm.Sample(150);
        vm.Target(4096, urgent: true);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1024);
        vm.Asked.Clear();

        // There was no sample since it moved: what it can spare is not known, but it need not take more.
        vm.Target(512);
        Assert.Equal(MiB(1024), Assert.IsType<VmEvent.PlugAsked>(Assert.Single(vm.Asked)).Plugged);
        Assert.Equal((MiB(1280), VmPhase.Shrinking), (vm.State.Ceiling, vm.Phase));
        vm.Wait(100);
        vm.Sample(1000);
        Assert.Equal(MiB(280), vm.Asked.OfType<VmEvent.PlugAsked>().Last().Plugged);
    }

    [Fact]
    public void A_shrink_that_is_turned_round_gives_back_at_once_what_was_still_to_be_taken()
    {
        var vm = new MachineUnderTest();
        vm.Sample(150);
        vm.Target(4096, urgent: true);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 3840);
        vm.Wait(100);
        vm.Sample(3800);
        vm.Target(512);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 2048);
        Assert.Equal(VmPhase.Shrinking, vm.Phase);
        vm.Asked.Clear();

        vm.Target(3072);
        Assert.Equal(VmPhase.Growing, vm.Phase);
        Assert.True(Assert.IsType<VmEvent.PlugAsked>(vm.Asked[0]).Plugged >= MiB(2048), "it was still told to give");
        Assert.True(vm.State.Ceiling <= MiB(3072), $"it can become {vm.State.Ceiling}");
        vm.Wait(100);
        vm.Sample(2000);
        Assert.Equal(MiB(3072), vm.State.Ceiling);
    }

    [Fact]
    public void A_guest_that_begins_to_need_what_is_being_taken_keeps_what_it_has()
    {
        var vm = new MachineUnderTest();
        vm.Sample(150);
        vm.Target(2304, urgent: true);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 2048);
        vm.Wait(100);
        vm.Sample(2000);
        vm.Target(512);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1500);
        vm.Asked.Clear();
        vm.Wait(100);
        vm.Sample(10);
        Assert.Equal(MiB(1500), Assert.IsType<VmEvent.PlugAsked>(vm.Asked[^1]).Plugged);
        Assert.Equal(MiB(1756), vm.State.Actual);
    }

    [Fact]
    public void A_shrink_that_stops_part_way_is_taken_for_what_it_gave()
    {
        // The guest gives 700 of 1500 and no more: from there on only what is above is asked for, and its ceiling is what it still has.
        var vm = new MachineUnderTest();
        vm.Sample(150);
        vm.Target(2304, maxMiB: 2304, urgent: true);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 2048);
        vm.Wait(100);
        vm.Sample(1800);
        vm.Target(804, maxMiB: 2304);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 1348);
        for (var second = 0; second < 40; second++)
        {
            vm.WaitSeconds(1);
            vm.Sample(40);
        }

        Assert.Equal(VmPhase.Uncooperative, vm.Phase);
        Assert.Equal(MiB(1604), vm.State.Ceiling);
        Assert.All(vm.Asked.OfType<VmEvent.PlugAsked>().Skip(2), p => Assert.True(p.Plugged <= MiB(1348), $"{p.Plugged} were given back"));
    }
}
