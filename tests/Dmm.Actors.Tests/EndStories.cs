using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>
/// How VMs end: launches that fail, boots that never complete, stops that the guest obeys or ignores. Memory becomes free when the
/// process is gone, and not before.
/// </summary>
public sealed class EndStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly VmId Vm = VmId.Parse("vm");

    [Fact]
    public void A_guest_that_is_never_heard_of_is_ended_where_that_is_asked_for_and_its_peer_grows_again()
    {
        StartHost(memoryMiB: 700);
        Create(Spec("peer", 128, 512, 512));
        UntilRuns("peer");
        Hypervisor.Mute[Vm] = true;
        Create(Spec("vm", 128, 256, 512) with { BootCheck = BootCheck.Strict });
        Until("its peer has shrunk and it is launched", s => s.State.Vms.ContainsKey(Vm));
        Assert.True(Guest("peer").Sizes.Actual < MiB(512));
        var began = Clock.Now;

        var status = Until("it is given up", s => !s.State.Vms.ContainsKey(Vm), TimeSpan.FromMinutes(3));

        Assert.InRange((Clock.Now - began).TotalSeconds, 118, 122);
        Assert.Null(Hypervisor.Guest(Vm));
        Assert.True(status.State.Ledger.Reserved.IsZero);
        Assert.Contains(
            "nothing was heard from its guest within 120 s", Notices().Single(h => h.Kind == "bootFailed").Text, StringComparison.Ordinal);
        Guest("peer").Used = MiB(420);
        Until("its peer grows again", _ => Guest("peer").Sizes.Actual > MiB(480));
    }

    [Theory]
    [InlineData(RestartPolicy.Never)]
    [InlineData(RestartPolicy.Always)]
    public void A_guest_that_is_never_heard_of_is_spoken_of_and_runs_on(RestartPolicy restart)
    {
        StartHost(memoryMiB: 2048);
        Hypervisor.Mute[Vm] = true;
        Create(Spec("vm", 128, 256, 512) with { Restart = restart });
        Until("it is launched", s => s.State.Vms.ContainsKey(Vm));
        var guest = Guest("vm");
        Go(TimeSpan.FromMinutes(10));

        Assert.Same(guest, Guest("vm"));
        var said = Notices().Single(h => h.Kind == "bootSilent").Text;
        Assert.Contains("nothing was heard from its guest within 120 s in which it ran", said, StringComparison.Ordinal);
        Assert.Contains("it runs on and keeps its memory", said, StringComparison.Ordinal);
        var status = Look();
        Assert.Equal(said, status.Reports[Vm].Warnings[0]);
        Assert.True(status.State.Ledger.Claims[Vm].Size >= MiB(256));

        guest.Mute = false;
        status = Until("it is heard of", s => s.State.Vms[Vm].BootedAt is not null);
        Assert.DoesNotContain(said, status.Reports[Vm].Warnings);
    }

    [Theory]
    [InlineData(BootCheck.Heard, false)]
    [InlineData(BootCheck.Strict, false)]
    [InlineData(BootCheck.Strict, true)]
    public void A_guest_that_booted_once_is_never_ended_for_silence_in_any_later_life(BootCheck check, bool daemonsDie)
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512) with { Restart = RestartPolicy.Always, BootCheck = check });
        UntilRuns("vm");
        Until("it has booted", s => s.State.Vms[Vm].BootedAt is not null);
        Hypervisor.Mute[Vm] = true;
        for (var life = 0; life < 3; life++)
        {
            var before = Hypervisor.Guest(Vm);
            Hypervisor.Kill(Vm);
            Until("it has ended", s => s.State.Resting.ContainsKey(Vm));
            Again(daemonsDie);
            Until("it is back", s => s.State.Vms.ContainsKey(Vm), TimeSpan.FromMinutes(2));
            Assert.NotSame(before, Hypervisor.Guest(Vm));
            Again(daemonsDie);
            var silent = Guest("vm");
            Go(TimeSpan.FromMinutes(3));
            Assert.Same(silent, Guest("vm"));
        }

        Assert.Equal(3, Notices().Count(h => h.Kind == "bootSilent"));
        Assert.DoesNotContain(Notices(), h => h.Kind == "bootFailed");
    }

    [Fact]
    public void A_guest_that_is_paused_in_its_first_boot_is_not_taken_for_one_that_does_not_boot()
    {
        StartHost(memoryMiB: 2048);
        Hypervisor.Mute[Vm] = true;
        Create(Spec("vm", 128, 256, 512) with { BootCheck = BootCheck.Strict });
        Until("it is launched", s => s.Reports.ContainsKey(Vm));
        Go(TimeSpan.FromSeconds(60));
        Guest("vm").RunState = VmRunState.Paused;
        var status = Until("it is seen to be paused", s => s.Reports[Vm].Phase == VmPhase.Paused);
        Assert.Equal("simulated: it is Paused", status.Reports[Vm].Why);
        Go(TimeSpan.FromMinutes(10));
        Guest("vm").RunState = VmRunState.Running;
        Go(TimeSpan.FromSeconds(50));
        Assert.NotNull(Hypervisor.Guest(Vm));
        Until("it has run for long enough", s => s.State.Vms.IsEmpty, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void A_vm_that_was_started_early_and_was_never_heard_of_waits_for_all_its_memory_the_next_time()
    {
        StartHost(memoryMiB: 700);
        Create(Spec("peer", 400, 400, 400));
        UntilRuns("peer");
        Hypervisor.Mute[Vm] = true;
        Create(Spec("vm", 64, 512, 512) with { BootPolicy = BootPolicy.Early, Restart = RestartPolicy.Always });
        Until("it is launched with less", s => s.State.Vms.TryGetValue(Vm, out var vm) && vm.Handle.Base < MiB(512));
        var boot = Guest("vm").Base;
        Until("it is spoken of", _ => Notices().Any(h => h.Kind == "bootSilent"), TimeSpan.FromMinutes(3));
        Assert.Contains(
            $"it was started early with {boot} of the 512 MiB", Notices().Single(h => h.Kind == "bootSilent").Text,
            StringComparison.Ordinal);

        Hypervisor.Kill(Vm);
        var status = Until("it rests, or is wanted again", s => s.State.Resting.ContainsKey(Vm) || s.State.Admissions.ContainsKey(Vm));
        Assert.Equal(BootPolicy.Full, (status.State.Resting.GetValueOrDefault(Vm)?.Spec ?? status.State.Admissions[Vm].Spec).BootPolicy);
    }

    [Fact]
    public void A_guest_that_can_not_speak_counts_as_up_where_its_spec_says_so()
    {
        StartHost(memoryMiB: 2048);
        Hypervisor.Mute[Vm] = true;
        Create(Spec("vm", 128, 256, 512) with { BootCheck = BootCheck.None });
        Until("it is up by its deadline", s => s.State.Vms.TryGetValue(Vm, out var vm) && vm.BootedAt is not null, TimeSpan.FromMinutes(3));
        Go(TimeSpan.FromMinutes(5));
        Assert.Contains(Vm, Look().State.Vms.Keys);
    }

    [Fact]
    public void A_guest_that_falls_silent_later_is_never_ended_for_it()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        Guest("vm").Mute = true;
        KillHost();
        StartHost(memoryMiB: 2048);
        Go(TimeSpan.FromMinutes(5));
        Assert.Contains(Vm, Look().State.Vms.Keys);
        Assert.NotNull(Hypervisor.Guest(Vm));
    }

    [Theory]
    [InlineData(RestartPolicy.Never)]
    [InlineData(RestartPolicy.OnFailure)]
    [InlineData(RestartPolicy.Always)]
    public void A_vm_that_ends_before_it_is_heard_of_has_failed_to_boot_and_returns_as_its_policy_says(RestartPolicy restart)
    {
        StartHost(memoryMiB: 2048);
        Hypervisor.Mute[Vm] = true;
        Create(Spec("vm", 128, 256, 512) with { Restart = restart });
        Until("it is launched", s => s.State.Vms.ContainsKey(Vm));
        Hypervisor.Kill(Vm);
        var status = Until("its first life is over", s => s.State.Vms.IsEmpty);
        Assert.Equal(restart == RestartPolicy.Never, status.State.Resting.IsEmpty);
        Assert.Equal(MiB(2048), status.State.Ledger.Free);
        Assert.StartsWith(
            "it ended before its guest reported", Notices().Single(h => h.Kind == "bootFailed").Text, StringComparison.Ordinal);
        if (restart == RestartPolicy.Never)
            return;
        Hypervisor.Mute.TryRemove(Vm, out _);
        UntilRuns("vm");
    }

    [Fact]
    public void A_first_launch_that_fails_is_not_tried_again_whatever_the_restart_policy()
    {
        StartHost(memoryMiB: 2048);
        Hypervisor.LaunchFaults[Vm] = "qemu: could not load kernel";
        Create(Spec("vm", 128, 256, 512) with { Restart = RestartPolicy.Always });
        Until("the launch has failed", s => s.State.Admissions.IsEmpty);
        Go(TimeSpan.FromMinutes(2));
        var state = Look().State;
        Assert.True(state.Vms.IsEmpty && state.Admissions.IsEmpty && state.Resting.IsEmpty);
        Assert.Contains("could not load kernel", Notices().Single(h => h.Kind == "admissionFailed").Text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_set_aside_for_a_launch_that_failed_stays_so_until_its_process_is_gone()
    {
        var faulty = new FaultyHypervisor(Hypervisor) { Lingers = Vm };
        StartHost(memoryMiB: 2048, hypervisor: faulty);
        Create(Spec("vm", 128, 256, 512));
        Until("it has failed a few times", _ => faulty.Faults > 2);
        Assert.Equal(MiB(288), Look().State.Ledger.Reserved);
        faulty.Lingers = null;
        UntilRuns("vm");
    }

    [Fact]
    public void A_guest_that_powers_down_when_it_is_asked_is_not_killed()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        Stop(TimeSpan.FromSeconds(30), kill: false);
        var status = Until("it is gone", s => s.State.Vms.IsEmpty);
        Assert.Equal(MiB(2048), status.State.Ledger.Free);
        Assert.Equal("the guest shut down", Notices().Single(h => h.Kind == "vmEnded").Text);
    }

    [Fact]
    public void A_guest_that_does_not_power_down_runs_on_and_that_is_said()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        Guest("vm").IgnoresPowerDown = true;
        Stop(TimeSpan.FromSeconds(30), kill: false);
        Until("it is stopping", s => s.Reports[Vm] is { Stopping: true, Why: { } why }
            && why.Contains("otherwise it runs on", StringComparison.Ordinal));

        var status = Until("that is given up", s => s.State.Vms[Vm].Stop is null);

        Assert.NotNull(Hypervisor.Guest(Vm));
        Assert.False(status.Reports[Vm].Stopping);
        Assert.True(status.State.Ledger.Claims.ContainsKey(Vm));
        var said = Notices().Single(h => h.Kind == "stopGivenUp").Text;
        Assert.Equal(
            "its guest did not power down within 30 s and it runs on: 'dmm vm stop vm --kill' ends its process, --grace gives it longer",
            said);

        Stop(TimeSpan.Zero, kill: true);
        Until("its process is gone", s => s.State.Vms.IsEmpty);
    }

    [Fact]
    public void A_guest_that_did_not_hear_the_first_time_is_asked_again()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        Guest("vm").IgnoresPowerDown = true;
        Stop(TimeSpan.FromSeconds(30), kill: false);
        Until("it was asked", s => s.Reports[Vm].Stopping);
        Go(TimeSpan.FromSeconds(2));
        Guest("vm").IgnoresPowerDown = false;
        Until("it has powered down", s => s.State.Vms.IsEmpty);
        Assert.DoesNotContain(Notices(), h => h.Kind == "stopGivenUp");
    }

    [Fact]
    public void A_process_is_ended_after_its_guests_grace_where_that_was_asked_for()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        Guest("vm").IgnoresPowerDown = true;
        Stop(TimeSpan.FromSeconds(20), kill: true);
        var began = Clock.Now;
        Until("its process is gone", s => s.State.Vms.IsEmpty);
        Assert.InRange((Clock.Now - began).TotalSeconds, 19, 22);
    }

    [Fact]
    public void An_order_to_kill_does_not_wait_for_the_grace_of_an_earlier_one()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        Guest("vm").IgnoresPowerDown = true;
        Stop(TimeSpan.FromMinutes(30), kill: false);
        Stop(TimeSpan.Zero, kill: true);
        Until("its process is gone", s => s.State.Vms.IsEmpty, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_claim_stays_whole_while_the_process_can_not_be_ended()
    {
        var faulty = new FaultyHypervisor(Hypervisor);
        StartHost(memoryMiB: 2048, hypervisor: faulty);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        faulty.Lingers = Vm;
        Stop(TimeSpan.Zero, kill: true);
        Until("it was tried a few times", _ => faulty.Faults > 2);
        Assert.True(Look().State.Ledger.Claims[Vm].Size >= MiB(256));
        faulty.Lingers = null;
        Until("it is gone", s => s.State.Vms.IsEmpty);
    }

    [Fact]
    public void A_stop_that_a_dead_daemon_was_at_is_taken_up_by_the_next()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        Guest("vm").IgnoresPowerDown = true;
        Stop(TimeSpan.FromSeconds(5), kill: true);
        KillHost();
        StartHost(memoryMiB: 2048);
        Until("it is gone", s => s.State.Vms.IsEmpty);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(5, false)]
    [InlineData(0, true)]
    public void A_vm_that_can_not_be_reached_is_ended_by_its_process_where_that_is_asked_for(int graceSeconds, bool daemonDies)
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        KillHost();
        Hypervisor.Unreachable[Vm] = true;
        StartHost(memoryMiB: 2048);
        Until("it is lost", s => s.Reports.TryGetValue(Vm, out var report) && report.Phase == VmPhase.Lost);
        Stop(TimeSpan.FromSeconds(graceSeconds), kill: true);
        Again(daemonDies);
        var began = Clock.Now;

        var status = Until("it is gone", s => s.State.Vms.IsEmpty);

        Assert.True(Clock.Now - began >= TimeSpan.FromSeconds(graceSeconds));
        Assert.Null(Hypervisor.Guest(Vm));
        Assert.Equal(MiB(2048), status.State.Ledger.Free);
    }

    [Fact]
    public void A_guest_that_can_not_be_asked_runs_on_and_that_is_said()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        KillHost();
        Hypervisor.Unreachable[Vm] = true;
        StartHost(memoryMiB: 2048);
        Until("it is lost", s => s.Reports.TryGetValue(Vm, out var report) && report.Phase == VmPhase.Lost);
        Stop(TimeSpan.FromSeconds(30), kill: false);
        Until("that is said", s => s.Reports[Vm] is { Stopping: true, Why: { } why }
            && why.StartsWith("it can't be reached, so its guest can't be asked", StringComparison.Ordinal));
        Until("that is given up", s => s.State.Vms[Vm].Stop is null);
        Assert.NotNull(Hypervisor.Guest(Vm));
    }

    private void Again(bool dies)
    {
        if (!dies)
            return;
        KillHost();
        StartHost(memoryMiB: 2048);
    }

    private void Stop(TimeSpan grace, bool kill)
    {
        Host.Tell(new HostProtocol.StopVm(Vm, new(grace, kill)), TestActor);
        ExpectMsg<HostProtocol.Done>();
    }
}
