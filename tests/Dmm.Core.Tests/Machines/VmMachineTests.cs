using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Machines;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Machines.VmUnderTest;

namespace Dmm.Core.Tests.Machines;

/// <summary>Tests the decisions of a VM's machine other than those on memory: calls, connections, its boot and its end.</summary>
public sealed class VmMachineTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public void One_call_goes_out_at_a_time_and_a_newer_wish_takes_the_place_of_one_that_waits()
    {
        var vm = Settled();
        vm.Target(512);
        var first = Assert.Single(vm.Calls);
        vm.Target(700, number: 2);
        vm.Target(900, number: 3);
        Assert.Equal([first], vm.Calls);
        // While a call is under way, the report confirms nothing.
        Assert.Null(vm.Reported.Confirmation!.Target);
        while (vm.Vm.UnderWay is not null)
            vm.CarryOut();
        Assert.InRange(vm.Calls.Count(), 2, 3);
        Assert.Equal((MiB(900), 3L), (vm.Reported.Confirmation!.Target, vm.Reported.Heard));
    }

    [Fact]
    public void What_its_hypervisor_refuses_is_said_and_asked_again_after_a_wait_that_grows()
    {
        var vm = Settled();
        vm.Target(512);
        vm.Observe(new VmObservation.Sizes(vm.Sizes));
        vm.Take(new VmFact.CallRefused("the device is busy"));
        Assert.True(vm.Vm.InHand);
        Assert.Equal(VmPhase.Stuck, vm.Reported.Phase);
        Assert.Contains("its hypervisor refused to resize it: the device is busy", vm.Reported.Why, StringComparison.Ordinal);
        Assert.Single(vm.Done.OfType<VmEffect.Notify>(), n => n.What.Kind == "refused");

        for (var wait = Settings.Profile.RetryMin; wait < TimeSpan.FromSeconds(30); wait *= 2)
        {
            vm.Done.Clear();
            vm.Pass(wait - Second);
            Assert.Empty(vm.Calls);
            vm.Pass(2 * Second);
            Assert.Single(vm.Calls);
            vm.Observe(new VmObservation.Sizes(vm.Sizes));
            vm.Take(new VmFact.CallRefused("the device is busy"));
            // The notice is given only once.
            Assert.DoesNotContain(vm.Done.OfType<VmEffect.Notify>(), n => n.What.Kind == "refused");
        }

        vm.Pass(TimeSpan.FromMinutes(2));
        while (vm.Vm.UnderWay is not null)
            vm.CarryOut();
        Assert.Equal((VmPhase.Settled, MiB(512)), (vm.Vm.Memory.Phase, vm.Sizes.Actual));
        Assert.Null(vm.Vm.Memory.PlugRefusal);
    }

    [Fact]
    public void A_panic_of_its_guest_is_reported_once_and_again_only_if_it_ran_in_between()
    {
        var vm = VmUnderTest.Settled();
        var panicked = new VmObservation.RunState(VmRunState.Panicked, "its guest's kernel has panicked");
        vm.Observe(panicked);
        vm.Observe(panicked);

        var notice = Assert.Single(vm.Done.OfType<VmEffect.Notify>(), n => n.What.Kind == "guestPanicked").What;
        Assert.Equal("its guest's kernel has panicked", notice.Text);
        Assert.Equal((VmPhase.Paused, VmRunState.Panicked), (vm.Reported.Phase, vm.Reported.RunState));

        vm.Observe(new VmObservation.RunState(VmRunState.Running, null));
        vm.Observe(panicked);
        Assert.Equal(2, vm.Done.OfType<VmEffect.Notify>().Count(n => n.What.Kind == "guestPanicked"));
    }

    /// <summary>Found by the simulation (seed 9000): its reset made it count as a guest that was never heard of.</summary>
    [Fact]
    public void A_guest_that_has_booted_is_not_ended_for_its_silence_after_a_reset_however_strict_its_boot_is_checked()
    {
        var vm = Settled(BootCheck.Strict);
        vm.Pass(2 * Settings.Profile.BootDeadline);
        vm.Observe(new VmObservation.Sizes(vm.Sizes) { AfterReset = true });
        vm.Pass(2 * Settings.Profile.BootDeadline);
        Assert.DoesNotContain(vm.Done, e => e is VmEffect.EndProcess);
    }

    /// <summary>A host's actor that starts anew may know nothing of the boot: its event was not written.</summary>
    [Fact]
    public void Nor_where_the_hosts_actor_has_lost_that_it_was_heard()
    {
        var vm = Settled(BootCheck.Strict);
        vm.Observe(new VmObservation.Sizes(vm.Sizes) { AfterReset = true });
        vm.Take(Part(BootCheck.Strict));
        vm.Pass(2 * Settings.Profile.BootDeadline);
        Assert.DoesNotContain(vm.Done, e => e is VmEffect.EndProcess);
    }

    [Fact]
    public void A_guest_that_is_reset_before_it_was_ever_heard_is_ended_where_its_boot_is_checked_strictly()
    {
        var vm = new VmUnderTest();
        vm.Take(Part(BootCheck.Strict));
        vm.Connect();
        vm.Pass(0.9 * Settings.Profile.BootDeadline);
        vm.Observe(new VmObservation.Sizes(vm.Sizes) { AfterReset = true });
        vm.Pass(0.5 * Settings.Profile.BootDeadline);
        Assert.DoesNotContain(vm.Done, e => e is VmEffect.EndProcess);
        vm.Pass(Settings.Profile.BootDeadline);
        Assert.Contains(vm.Done, e => e is VmEffect.EndProcess);
    }

    /// <summary>The host counts only on what the devices were told, not on what they were to be told.</summary>
    [Fact]
    public void A_shrink_that_is_refused_gives_nothing_back()
    {
        var vm = Settled();
        vm.Target(160);
        vm.Observe(new VmObservation.Sizes(vm.Sizes));
        vm.Take(new VmFact.CallRefused("no"));
        Assert.Equal(new(MiB(256), MiB(256), MiB(160)), vm.Reported.Confirmation);
    }

    [Fact]
    public void A_call_that_is_lost_loses_the_connection_which_is_made_anew_with_a_wait_that_grows_until_it_has_held_for_long()
    {
        var vm = Settled();
        vm.Target(512);
        TimeSpan Lose()
        {
            vm.Done.Clear();
            vm.Take(new VmFact.CallLost("it took too long"));
            Assert.Equal(VmPhase.Lost, vm.Reported.Phase);
            Assert.Contains(vm.Done, e => e is VmEffect.LetGo);
            var waited = TimeSpan.Zero;
            while (!vm.Done.Any(e => e is VmEffect.Connect))
            {
                vm.Pass(TimeSpan.FromMilliseconds(100));
                waited += TimeSpan.FromMilliseconds(100);
            }

            vm.Connect();
            return waited;
        }

        Assert.Equal([200, 400, 800, 1600], Enumerable.Range(0, 4).Select(_ => (int)Lose().TotalMilliseconds));
        vm.Pass(Settings.CalmAfter);
        Assert.Equal(200, (int)Lose().TotalMilliseconds);
    }

    [Fact]
    public void One_that_may_run_is_looked_for_before_it_is_launched_and_again_while_nobody_knows()
    {
        var vm = new VmUnderTest();
        vm.Take(Part() with { Handle = null, MayRun = true });
        Assert.IsType<VmEffect.Find>(Assert.Single(vm.Done));
        vm.Done.Clear();
        vm.Take(new VmFact.LaunchUnknown("its folder can't be read"));
        vm.Pass(Settings.RestartMin);
        Assert.Single(vm.Done.OfType<VmEffect.Find>());
        Assert.Empty(vm.Told);
        vm.Take(new VmFact.NotRunning());
        Assert.Single(vm.Done.OfType<VmEffect.Launch>());
        vm.Take(new VmFact.Launched(Handle));
        Assert.Equal([new VmProtocol.Launched(Id, Handle)], vm.Told);
        Assert.Single(vm.Done.OfType<VmEffect.Connect>());
    }

    [Fact]
    public void A_guest_that_is_asked_to_power_down_is_asked_again_and_then_ended_where_that_was_ordered()
    {
        var vm = Settled();
        vm.Take(new VmProtocol.Stop(new(TimeSpan.FromSeconds(25), Kill: true)));
        Assert.True(vm.Reported.Stopping);
        vm.Take(new VmFact.NotAskedToPowerDown("it took too long"));
        Assert.Contains(
            "could not be asked to power down: it took too long; DMM tries again", vm.Reported.Why, StringComparison.Ordinal);
        vm.Pass(TimeSpan.FromSeconds(24));
        Assert.Equal(3, vm.Done.Count(e => e is VmEffect.AskToPowerDown));
        Assert.DoesNotContain(vm.Done, e => e is VmEffect.EndProcess);
        vm.Pass(Second);
        Assert.Single(vm.Done.OfType<VmEffect.EndProcess>());
        vm.Take(new VmFact.NotEnded("its process is still there"));
        vm.Pass(Settings.RestartMin);
        Assert.Equal(2, vm.Done.Count(e => e is VmEffect.EndProcess));
        vm.Take(new VmFact.ProcessEnded());
        Assert.Equal(VmPhase.Stopped, vm.Vm.Memory.Phase);
        Assert.Single(vm.Told.OfType<VmProtocol.Ended>());
        // A late fact has no effect.
        vm.Done.Clear();
        vm.Take(new VmFact.CallDone());
        vm.Pass(TimeSpan.FromMinutes(1));
        Assert.Empty(vm.Done);
    }

    [Fact]
    public void A_guest_that_was_not_to_be_ended_runs_on_and_that_is_told()
    {
        var vm = Settled();
        vm.Take(new VmProtocol.Stop(new(TimeSpan.FromSeconds(5), Kill: false)));
        vm.Pass(TimeSpan.FromSeconds(6));
        Assert.Single(vm.Told.OfType<VmProtocol.StopGivenUp>());
        Assert.False(vm.Reported.Stopping);
        vm.Done.Clear();
        vm.Pass(TimeSpan.FromMinutes(1));
        Assert.DoesNotContain(vm.Done, e => e is VmEffect.AskToPowerDown or VmEffect.EndProcess);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_deadline_of_several_vms_is_the_same_for_one_that_hears_of_it_late(bool kill)
    {
        var vm = new VmUnderTest();
        var order = new StopOrder(TimeSpan.FromSeconds(60), kill) { By = Moment.Origin + TimeSpan.FromDays(1) + TimeSpan.FromSeconds(60) };
        vm.Take(Part(stop: order));
        vm.Pass(TimeSpan.FromSeconds(50));
        vm.Connect();
        vm.Pass(TimeSpan.FromSeconds(9));
        Assert.DoesNotContain(vm.Told, told => told is VmProtocol.StopGivenUp);
        Assert.DoesNotContain(vm.Done, e => e is VmEffect.EndProcess);
        vm.Pass(Second);
        Assert.Equal(kill, vm.Done.Any(e => e is VmEffect.EndProcess));
        Assert.Equal(!kill, vm.Told.Any(told => told is VmProtocol.StopGivenUp));
    }

    [Theory]
    [InlineData(BootCheck.Heard, false)]
    [InlineData(BootCheck.Strict, true)]
    public void A_silent_guest_is_spoken_of_once_and_ended_only_where_its_spec_asks_for_that(BootCheck check, bool ends)
    {
        var vm = new VmUnderTest();
        vm.Take(Part(check));
        vm.Connect();
        vm.Pass(Settings.Profile.BootDeadline + (5 * Second));
        Assert.Equal(ends ? 0 : 1, vm.Done.OfType<VmEffect.Notify>().Count(n => n.What.Kind == "bootSilent"));
        Assert.Equal(ends, vm.Done.Any(e => e is VmEffect.EndProcess));
        if (!ends)
            return;
        vm.Take(new VmFact.ProcessEnded());
        Assert.Equal(EndCause.NeverBooted, Assert.Single(vm.Told.OfType<VmProtocol.Ended>()).Cause);
    }

    [Fact]
    public void What_its_process_held_is_told_once_with_the_sizes_that_it_was_read_with()
    {
        var vm = Settled();
        vm.Sizes = vm.Sizes with { Ballooned = MiB(10) };
        var read = new HeldMemory(MiB(300), Moment.Origin);
        vm.Observe(new VmObservation.Sizes(vm.Sizes) { Resident = read });
        Assert.Equal(read, vm.Reported.Resident);
        vm.Pass(Settings.ReportPeriod);
        Assert.Null(vm.Reported.Resident);
    }

    [Fact]
    public void One_message_leads_to_one_report_at_most()
    {
        var vm = Settled();
        vm.Target(512);
        while (vm.Vm.UnderWay is not null)
        {
            vm.Done.Clear();
            vm.CarryOut();
            // There is one report for the sizes, one for the end of the call.
            Assert.InRange(vm.Told.OfType<VmProtocol.Report>().Count(), 1, 2);
        }
    }

    [Fact]
    public void A_host_that_is_back_is_told_what_it_may_not_have_heard_and_the_vm_is_not_touched()
    {
        var vm = new VmUnderTest();
        vm.Take(Part() with { Handle = null });
        vm.Take(new VmProtocol.HostIsBack());
        vm.Take(Part() with { Handle = null, MayRun = true });
        // Its launch goes on.
        Assert.IsType<VmEffect.Launch>(Assert.Single(vm.Done, e => e is VmEffect.Launch or VmEffect.Find));
        vm.Take(new VmFact.Launched(Handle));
        vm.Connect();
        vm.Done.Clear();
        vm.Take(new VmProtocol.HostIsBack());
        Assert.Equal([new VmProtocol.Started(Id)], vm.Told);
        vm.Take(Part() with { Handle = null, MayRun = true });
        Assert.Contains(new VmProtocol.Launched(Id, Handle), vm.Told);
        Assert.DoesNotContain(vm.Done, e => e is VmEffect.Connect or VmEffect.Launch or VmEffect.Find or VmEffect.LetGo);
        Assert.True(vm.Vm.InHand);

        vm.Take(new VmFact.Observed(new VmObservation.Ended("it died", EndCause.Failed)));
        vm.Done.Clear();
        vm.Take(new VmProtocol.HostIsBack());
        Assert.Equal([new VmProtocol.Started(Id)], vm.Told);
        vm.Take(Part());
        var ended = new VmProtocol.Ended(Id, "it died", EndCause.Failed);
        Assert.Equal([new VmProtocol.Started(Id), ended], vm.Told);
        // A VM that is not known to have been launched can't have ended.
        vm.Done.Clear();
        vm.Take(Part() with { Handle = null, MayRun = true });
        Assert.Equal([new VmProtocol.Launched(Id, Handle), ended], vm.Told);
    }

    [Fact]
    public void A_host_that_is_back_brings_what_was_ordered_meanwhile()
    {
        var vm = Settled();
        vm.Target(300, number: 7);
        vm.Take(Part(stop: new(TimeSpan.FromSeconds(30), Kill: false)));
        Assert.Single(vm.Done.OfType<VmEffect.AskToPowerDown>());
        Assert.Equal(0, vm.Reported.Heard);
        vm.Done.Clear();
        // The same order again is not a new one.
        vm.Take(Part(stop: new(TimeSpan.FromSeconds(30), Kill: false)));
        Assert.DoesNotContain(vm.Done, e => e is VmEffect.AskToPowerDown);
        vm.Take(Part());
        Assert.False(vm.Reported.Stopping);
    }

    /// <summary>
    /// The simulation's seed 20261143: one device was being asked, and another was still to be, when the guest was reset.
    /// </summary>
    [Fact]
    public void What_was_still_to_be_asked_of_its_devices_is_not_asked_of_a_guest_that_boots()
    {
        var machine = new VmMachine(VmUnderTest.Settings);
        var now = new Clocks(Moment.Origin + TimeSpan.FromDays(2), DateTimeOffset.UnixEpoch);
        var busy = Settled().Vm with
        {
            UnderWay = new(VmCallKind.Plug, MiB(98)),
            Calls = [new(VmCallKind.Balloon, MiB(24))],
        };
        var shown = new VmObservation.Sizes(new(MiB(256), default, default, default, default)) { AfterReset = true };
        var reset = machine.Decide(busy, new VmFact.Observed(shown), now);
        var carried = machine.Decide(reset.Vm, new VmFact.CallDone(), now).Effects.OfType<VmEffect.Carry>();
        Assert.DoesNotContain(carried, static carry => carry.Call is { Kind: VmCallKind.Balloon, Size.IsZero: false });
    }

    [Fact]
    public void After_a_reset_nothing_that_was_said_before_counts_and_the_host_is_told_that_it_boots()
    {
        var vm = Settled();
        vm.Observe(new VmObservation.Sizes(vm.Sizes with { Ballooned = MiB(40) }) { AfterReset = true });
        Assert.Single(vm.Done.OfType<VmEffect.TellPredictorOfReset>());
        Assert.Single(vm.Done.OfType<VmEffect.Notify>(), n => n.What.Kind == "guestReset");
        Assert.True(vm.Reported.Reboots);
        Assert.Equal(MiB(256), vm.Reported.Confirmation!.Actual);
        Assert.Null(vm.Reported.Sample);

        // A word that was on its way is not heard; the guest's own is.
        vm.Done.Clear();
        vm.Pass(TimeSpan.FromMilliseconds(100));
        vm.Sample(200);
        Assert.Empty(vm.Done.OfType<VmEffect.TellPredictor>());
        vm.Pass(2 * Second);
        Assert.True(vm.Reported.Reboots);
        vm.Sample(200);
        Assert.Single(vm.Done.OfType<VmEffect.TellPredictor>());
        vm.Pass(2 * Second);
        Assert.False(vm.Reported.Reboots);
    }
}
