using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>Tests when a guest's driver that gave up is asked again.</summary>
public sealed class WakeStories
{
    /// <summary>A guest is not given up while these stories look at it.</summary>
    private static readonly MechanismProfile Patient = new() { UncooperativeAfter = TimeSpan.FromHours(1) };

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    [Fact]
    public void A_shrink_that_had_to_stop_is_asked_for_again_as_soon_as_the_guest_has_something_to_spare()
    {
        // There is no balloon that could take the rest: all depends on the driver, which tries again by itself after 50 s.
        var vm = new MachineUnderTest(can: new(Balloon: false, MemorySize.FromGiB(8), MiB(2), []));
        vm.Sample(150);
        vm.Target(2304);
        vm.Wait(100);
        vm.Shows(pluggedMiB: 2048);
        vm.Wait(100);
        vm.Sample(1900);
        vm.Target(804);
        StandStill(vm, seconds: 60, availableMiB: 40);
        Assert.Equal(VmPhase.Uncooperative, vm.Phase);

        vm.Wait(250);
        vm.Sample(1500);
        var again = Assert.IsType<VmEvent.PlugAsked>(Assert.Single(vm.Asked));
        Assert.True(again.Again);
        Assert.Equal(MiB(548), again.Plugged);
    }

    [Fact]
    public void A_growth_that_could_not_be_paid_for_is_asked_for_again_as_soon_as_it_can()
    {
        var vm = new MachineUnderTest(profile: Patient);
        vm.Sample(20);
        vm.Target(1280, maxMiB: 1280, urgent: true);
        StandStill(vm, seconds: 60, availableMiB: 12);
        Assert.Equal(VmPhase.Stuck, vm.Phase);

        // The guest's load has freed some memory.
        vm.Wait(250);
        vm.Sample(60);
        Assert.True(Assert.IsType<VmEvent.PlugAsked>(Assert.Single(vm.Asked)).Again);
    }

    [Fact]
    public void A_guest_that_has_no_more_than_when_it_was_asked_is_left_to_the_back_off()
    {
        var vm = new MachineUnderTest(profile: Patient);
        vm.Sample(20);
        vm.Target(1280, maxMiB: 1280, urgent: true);
        StandStill(vm, seconds: 60, availableMiB: 12);
        for (var second = 0; second < 10; second++)
        {
            vm.WaitSeconds(1);
            vm.Sample(second % 2 == 0 ? 30 : 12);
        }

        Assert.Empty(vm.Asked);
    }

    /// <summary>Lets so much time pass that the next try is far away, then clears the orders of that time.</summary>
    private static void StandStill(MachineUnderTest vm, int seconds, long availableMiB)
    {
        for (var second = 0; second < seconds || vm.State.NextTryAt - vm.State.AvailableAt < TimeSpan.FromSeconds(25); second++)
        {
            vm.WaitSeconds(1);
            vm.Sample(availableMiB);
        }

        vm.Asked.Clear();
    }
}
