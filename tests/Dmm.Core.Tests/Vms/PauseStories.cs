using Dmm.Core.Vms;
using static Dmm.Core.Tests.Vms.MachineUnderTest;

namespace Dmm.Core.Tests.Vms;

/// <summary>A guest that is paused: nothing is asked of it, and no time counts against it.</summary>
public sealed class PauseStories
{
    private static readonly VmCommand.ObserveRunState Runs = new(VmRunState.Running, null);

    private static readonly VmCommand.ObserveRunState Paused = new(VmRunState.Paused, "somebody has stopped it");

    [Fact]
    public void Nothing_is_asked_of_a_guest_that_is_paused_and_it_is_not_called_unwilling()
    {
        var vm = new MachineUnderTest(512);
        vm.Sample(400);
        vm.Target(512);
        vm.Feed(Paused);
        vm.Asked.Clear();
        vm.Target(256);
        vm.WaitSeconds(600);

        Assert.Empty(vm.Asked);
        Assert.Equal((VmPhase.Paused, "somebody has stopped it"), (vm.Phase, vm.State.Why));
    }

    [Fact]
    public void One_that_is_paused_in_the_middle_of_a_shrink_is_judged_by_what_it_does_when_it_goes_on()
    {
        var vm = new MachineUnderTest(512);
        vm.Sample(400);
        vm.Target(256);
        vm.Wait(250);
        Assert.Equal(VmPhase.Shrinking, vm.Phase);
        vm.Feed(Paused);
        vm.WaitSeconds(120);

        vm.Feed(Runs);
        vm.Sample(400);
        Assert.Equal(VmPhase.Shrinking, vm.Phase);
        Assert.Null(vm.State.Why);
        vm.WaitSeconds(3);
        Assert.Equal(VmPhase.Shrinking, vm.Phase);
        vm.WaitSeconds(40);
        Assert.Equal(VmPhase.Uncooperative, vm.Phase);
    }

    [Fact]
    public void The_time_of_a_boot_stands_still_while_its_guest_does()
    {
        var vm = new MachineUnderTest();
        vm.Target(256);
        vm.WaitSeconds(60);
        vm.Feed(Paused);
        vm.WaitSeconds(3600);
        vm.Feed(Runs);
        Assert.Equal(VmPhase.Booting, vm.Phase);
        vm.WaitSeconds(59);
        Assert.Equal(VmPhase.Booting, vm.Phase);
        vm.WaitSeconds(2);
        Assert.Equal(VmPhase.Settled, vm.Phase);
    }

    [Fact]
    public void Nor_does_time_count_in_which_nobody_could_hear_it()
    {
        var vm = new MachineUnderTest();
        vm.Target(256);
        vm.WaitSeconds(60);
        vm.Feed(new VmCommand.Lose("the socket closed"));
        vm.WaitSeconds(3600);
        vm.Feed(new VmCommand.Connect(vm.Can));
        vm.WaitSeconds(59);
        Assert.Equal(VmPhase.Booting, vm.Phase);
        Assert.InRange(vm.State.Listened.Read(Moment.Origin + TimeSpan.FromDays(3650)), TimeSpan.FromSeconds(119), TimeSpan.FromDays(3651));
        vm.WaitSeconds(2);
        Assert.Equal(VmPhase.Settled, vm.Phase);
    }

    [Theory]
    [InlineData(VmRunState.Halted)]
    [InlineData(VmRunState.Panicked)]
    [InlineData(VmRunState.MigratingIn)]
    [InlineData(VmRunState.MigratingOut)]
    [InlineData(VmRunState.MigratedAway)]
    public void A_guest_that_is_not_here_to_hear_is_asked_for_nothing(VmRunState state)
    {
        var vm = new MachineUnderTest(512);
        vm.Sample(400);
        vm.Feed(new VmCommand.ObserveRunState(state, "words"));
        vm.Asked.Clear();
        vm.Target(1024, urgent: true);
        vm.Target(200);
        vm.WaitSeconds(60);

        Assert.Empty(vm.Asked);
        Assert.Equal((VmPhase.Paused, "words"), (vm.Phase, vm.State.Why));
    }

    [Fact]
    public void A_migration_that_was_given_up_leaves_no_trace()
    {
        var vm = new MachineUnderTest(512);
        vm.Sample(400);
        vm.Target(512);
        vm.Feed(new VmCommand.ObserveRunState(VmRunState.MigratingOut, "finish-migrate"));
        vm.Feed(Runs);
        vm.Sample(400);
        vm.Target(768);

        Assert.Equal(VmPhase.Growing, vm.Phase);
        Assert.True(vm.Plug() >= MiB(256));
    }
}
