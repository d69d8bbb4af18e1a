using Dmm.Core.Vms;
using static Dmm.Core.Tests.Vms.MachineUnderTest;

namespace Dmm.Core.Tests.Vms;

/// <summary>A guest that is reset owns all that it booted with, whatever its balloon's figure still shows.</summary>
public sealed class ResetStories
{
    private readonly MachineUnderTest _vm = new(512);

    public ResetStories()
    {
        _vm.Sample(400);
        _vm.Target(230, maxMiB: 512);
        _vm.Shows(balloonedMiB: 282);
        _vm.Wait(100);
        _vm.Sample(100);
        Assert.Equal((VmPhase.Settled, MiB(230)), (_vm.Phase, _vm.State.Actual));
        _vm.Asked.Clear();
    }

    [Fact]
    public void From_its_reset_on_it_has_all_that_it_booted_with_and_its_balloon_is_told_to_hold_nothing_back()
    {
        _vm.Reset();
        Assert.Equal((VmPhase.Booting, MiB(512), MiB(512)), (_vm.Phase, _vm.State.Actual, _vm.State.Ceiling));
        Assert.Equal(MemorySize.Zero, _vm.Balloon());
        Assert.Contains("was reset", _vm.State.Why, StringComparison.Ordinal);

        // The figure stands however often it is read, and nothing is taken however low the target.
        _vm.Asked.Clear();
        _vm.Target(160, maxMiB: 512);
        _vm.Shows(balloonedMiB: 282);
        _vm.WaitSeconds(20);
        Assert.Empty(_vm.Asked);
        Assert.Equal((VmPhase.Booting, MiB(512)), (_vm.Phase, _vm.State.Actual));
        Assert.Equal(MemorySize.Zero, _vm.State.CanGive(_vm.Now));
    }

    [Fact]
    public void Once_it_is_heard_its_balloon_is_moved_a_little_so_that_its_driver_writes_its_figure()
    {
        _vm.Reset();
        _vm.Target(512, maxMiB: 512);
        _vm.WaitSeconds(5);
        _vm.Asked.Clear();
        _vm.Sample(400);
        Assert.Equal(MiB(1), _vm.Balloon());

        // It is asked for that once, and not for more and more.
        _vm.WaitSeconds(10);
        Assert.Single(_vm.Asked);
        _vm.Shows(balloonedMiB: 1);
        Assert.Null(_vm.State.Reset);
        _vm.WaitSeconds(1);
        _vm.Shows(balloonedMiB: 0);
        Assert.Equal((VmPhase.Settled, MiB(512)), (_vm.Phase, _vm.State.Actual));
    }

    /// <summary>A figure that happens to be what the balloon is moved to would prove nothing.</summary>
    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    public void It_is_never_moved_to_what_it_shows(long shown, long asked)
    {
        var vm = new MachineUnderTest(512);
        vm.Sample(400);
        vm.Target(512 - shown, maxMiB: 512);
        vm.Shows(balloonedMiB: shown);
        vm.Reset();
        vm.Target(512, maxMiB: 512);
        vm.WaitSeconds(1);
        vm.Asked.Clear();
        vm.Sample(400);
        Assert.Equal(MiB(asked), vm.Balloon());
    }

    [Fact]
    public void A_driver_that_inflates_again_by_itself_has_written_its_figure()
    {
        _vm.Reset();
        _vm.Shows(balloonedMiB: 40);
        Assert.Equal(MiB(472), _vm.State.Actual);
        _vm.WaitSeconds(1);
        _vm.Sample(300);
        Assert.Null(_vm.State.Reset);
    }

    /// <summary>The daemon that would have seen the reset was not there; the next one finds a figure that does not move.</summary>
    [Fact]
    public void A_balloon_that_does_not_give_is_asked_for_a_little_more_in_turn_so_that_its_driver_writes_its_figure()
    {
        _vm.Shows(balloonedMiB: 100);
        _vm.Target(512);
        _vm.Wait(250);
        var wanted = _vm.State.Sizes!.BalloonedTarget;
        Assert.True(wanted < MiB(50), $"{wanted}");
        _vm.Asked.Clear();
        _vm.WaitSeconds(20);

        var asked = _vm.Asked.OfType<VmEvent.BalloonAsked>().Select(a => a.Ballooned).ToList();
        Assert.Equal([wanted + MiB(1), wanted, wanted + MiB(1)], asked.Take(3));
        // Its driver writes what it holds now, and goes on from there.
        _vm.Shows(balloonedMiB: (wanted + MiB(1)).Bytes >> 20);
        _vm.Wait(250);
        Assert.Equal(MiB(512 - 1) - wanted, _vm.State.Actual);
        Assert.Equal(wanted, _vm.State.Sizes!.BalloonedTarget);
    }

    /// <summary>The guest may be another, with another kernel; its crash kernel and its zones are its own.</summary>
    [Fact]
    public void What_was_learnt_of_the_guest_before_is_forgotten()
    {
        _vm.Feed(new VmCommand.ObserveHello(new() { Protocol = 1, AutoOnline = "offline" }));
        Assert.NotNull(_vm.State.KeptBack);
        _vm.Reset();
        Assert.Null(_vm.State.Hello);
        Assert.Null(_vm.State.KeptBack);
        _vm.WaitSeconds(1);
        _vm.Sample(300, totalMiB: 240);
        Assert.Equal(MiB(512 - 240), _vm.State.KeptBack);
    }

    [Fact]
    public void A_guest_that_is_silent_after_its_reset_counts_as_up_after_the_boot_deadline()
    {
        _vm.Reset();
        _vm.WaitSeconds(121);
        Assert.NotEqual(VmPhase.Booting, _vm.Phase);
        Assert.Equal(MiB(512), _vm.State.Actual);
    }

    /// <summary>Its hotplug device plugs again what it was told before; without the balloon that must stay within the target.</summary>
    [Fact]
    public void What_its_devices_plug_again_stays_within_its_target()
    {
        var vm = new MachineUnderTest();
        vm.Sample(200);
        vm.Target(512);
        vm.Shows(pluggedMiB: 280, balloonedMiB: 24);
        Assert.Equal(MiB(512), vm.State.Actual);
        vm.Sample(300);
        vm.Reset(pluggedMiB: 0);
        Assert.Equal(MiB(256), vm.Plug());
        Assert.Equal(MiB(512), vm.State.Ceiling);
    }
}
