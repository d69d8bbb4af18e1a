using Dmm.Actors.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>How VMs end: launches that fail, boots that never come, stops that are heard and not. Memory comes back when the process is gone, and not before.</summary>
public sealed class EndStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly VmId Vm = VmId.Parse("vm");

    [Fact]
    public void A_guest_that_is_never_heard_of_is_ended_and_its_peer_grows_again()
    {
        StartHost(memoryMiB: 700);
        Create(Spec("peer", 128, 512, 512));
        UntilRuns("peer");
        Hypervisor.Mute[Vm] = true;
        Create(Spec("vm", 128, 256, 512));
        Until("its peer has shrunk and it is launched", s => s.State.Vms.ContainsKey(Vm));
        Assert.True(Guest("peer").Sizes.Actual < MiB(512));
        var began = Clock.Now;

        var status = Until("it is given up", s => !s.State.Vms.ContainsKey(Vm), TimeSpan.FromMinutes(3));

        Assert.InRange((Clock.Now - began).TotalSeconds, 118, 122);
        Assert.Null(Hypervisor.Guest(Vm));
        Assert.True(status.State.Ledger.Reserved.IsZero);
        Assert.Contains("nothing was heard of its guest within 120 s", Happenings().Single(h => h.Kind == "bootFailed").Text, StringComparison.Ordinal);
        Guest("peer").Used = MiB(420);
        Until("its peer grows again", _ => Guest("peer").Sizes.Actual > MiB(480));
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

    [Fact]
    public void A_vm_that_ends_before_it_is_heard_of_has_failed_to_boot()
    {
        StartHost(memoryMiB: 2048);
        Hypervisor.Mute[Vm] = true;
        Create(Spec("vm", 128, 256, 512) with { Restart = RestartPolicy.Always });
        Until("it is launched", s => s.State.Vms.ContainsKey(Vm));
        Hypervisor.Kill(Vm);
        var status = Until("its creation is over", s => s.State.Vms.IsEmpty);
        Assert.Empty(status.State.Resting);
        Assert.Equal(MiB(2048), status.State.Ledger.Free);
        Assert.StartsWith("it ended before its guest was heard of", Happenings().Single(h => h.Kind == "bootFailed").Text, StringComparison.Ordinal);
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
        Assert.Contains("could not load kernel", Happenings().Single(h => h.Kind == "admissionFailed").Text, StringComparison.Ordinal);
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
        Assert.Equal("the guest shut down", Happenings().Single(h => h.Kind == "vmEnded").Text);
    }

    [Fact]
    public void A_guest_that_does_not_power_down_runs_on_and_that_is_said()
    {
        StartHost(memoryMiB: 2048);
        Create(Spec("vm", 128, 256, 512));
        UntilRuns("vm");
        Guest("vm").IgnoresPowerDown = true;
        Stop(TimeSpan.FromSeconds(30), kill: false);
        Until("it is stopping", s => s.Reports[Vm] is { Stopping: true, Why: { } why } && why.Contains("otherwise it runs on", StringComparison.Ordinal));

        var status = Until("that is given up", s => s.State.Vms[Vm].Stop is null);

        Assert.NotNull(Hypervisor.Guest(Vm));
        Assert.False(status.Reports[Vm].Stopping);
        Assert.True(status.State.Ledger.Claims.ContainsKey(Vm));
        var said = Happenings().Single(h => h.Kind == "stopGivenUp").Text;
        Assert.Equal("its guest did not power down within 30 s and it runs on: 'dmm vm stop vm --kill' ends its process, --grace gives it longer", said);

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
        Assert.DoesNotContain(Happenings(), h => h.Kind == "stopGivenUp");
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

    private void Stop(TimeSpan grace, bool kill)
    {
        Host.Tell(new HostProtocol.StopVm(Vm, new(grace, kill)), TestActor);
        ExpectMsg<HostProtocol.Done>();
    }

    private void Go(TimeSpan time)
    {
        for (var left = time; left > TimeSpan.Zero; left -= TimeSpan.FromMilliseconds(250))
        {
            Clock.Advance(TimeSpan.FromMilliseconds(250));
            Look();
        }
    }
}
