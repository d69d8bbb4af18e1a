using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests.Vms;

/// <summary>
/// A call that is under way when its VM ends, or is being ended, fails because of that. This is not a fault of the driver, and the VM's
/// end is reported as it was.
/// </summary>
public sealed class CallFaultStories(ITestOutputHelper output) : HostFixture(output)
{
    private static readonly VmId Vm = VmId.Parse("vm");

    private readonly TaskCompletionSource _call = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public void One_of_a_vm_that_has_ended_is_no_fault_of_the_driver()
    {
        var faulty = WithACallUnderWay();
        _call.SetException(new VmGoneException("VM 'vm' no longer runs: the connection was closed"));
        Go(TimeSpan.FromSeconds(2));
        Hypervisor.Kill(Vm);

        Until("its end is told", s => s.State.Resting.ContainsKey(Vm));

        Assert.DoesNotContain("actorRestarted", EventKinds());
        Assert.Equal(1, faulty.Faults);
    }

    [Fact]
    public void One_of_a_vm_that_is_being_ended_does_not_make_it_forgotten_why_it_ends()
    {
        var faulty = WithACallUnderWay();
        faulty.Lingers = Vm;
        Stop(TimeSpan.Zero, kill: true);
        Until("it was tried to end it", _ => faulty.Faults > 1);
        _call.SetException(new HypervisorException("QEMU does not answer"));
        Go(TimeSpan.FromSeconds(2));
        Assert.DoesNotContain("actorRestarted", EventKinds());
        faulty.Lingers = null;

        var status = Until("it is gone", s => s.State.Vms.IsEmpty);

        Assert.DoesNotContain("actorRestarted", EventKinds());
        Assert.Equal(EndCause.Stopped, status.State.Resting[Vm].Cause);
    }

    /// <summary>
    /// The VM's process could not be ended, and its operator withdrew the order: the call that failed meanwhile is made again.
    /// </summary>
    [Fact]
    public void One_of_a_vm_that_goes_on_all_the_same_holds_up_no_later_one()
    {
        var faulty = WithACallUnderWay();
        Guest("vm").IgnoresPowerDown = true;
        faulty.Lingers = Vm;
        Stop(TimeSpan.Zero, kill: true);
        Until("it was tried to end it", _ => faulty.Faults > 1);
        _call.SetException(new HypervisorException("QEMU does not answer"));
        Go(TimeSpan.FromSeconds(2));
        faulty.Lingers = null;
        Stop(TimeSpan.FromMinutes(30), kill: false);

        Until("it grows", _ => Guest("vm").Sizes.Actual > MiB(280));

        Assert.DoesNotContain("actorRestarted", EventKinds());
    }

    [Fact]
    public void One_that_the_hypervisor_refuses_is_said_and_asked_again_and_the_vm_stays_in_hand()
    {
        var faulty = WithACallUnderWay();
        _call.SetException(new HypervisorException("QEMU would not: no memory"));
        Until("it is said", _ => EventKinds().Contains("refused"));

        Until("it grows", _ => Guest("vm").Sizes.Actual > MiB(280));

        var kinds = EventKinds();
        Assert.Single(kinds, kind => kind == "refused");
        Assert.DoesNotContain("actorRestarted", kinds);
        Assert.DoesNotContain("lost", kinds);
        Assert.Equal(1, faulty.Connections);
    }

    [Fact]
    public void One_that_is_never_answered_loses_its_connection_and_another_is_made()
    {
        var faulty = WithACallUnderWay();

        Until("the connection is given up", _ => EventKinds().Contains("lost"), TimeSpan.FromMinutes(1));
        Until("it grows", _ => Guest("vm").Sizes.Actual > MiB(280));

        Assert.DoesNotContain("actorRestarted", EventKinds());
        Assert.Equal(2, faulty.Connections);
    }

    [Fact]
    public void One_in_which_the_driver_has_a_bug_ends_the_incarnation_alone()
    {
        WithACallUnderWay();
        _call.SetException(new InvalidOperationException("the driver has a bug"));

        Until("it grows", _ => Guest("vm").Sizes.Actual > MiB(280));

        Assert.Single(EventKinds(), kind => kind == "actorRestarted");
    }

    private FaultyHypervisor WithACallUnderWay()
    {
        var faulty = new FaultyHypervisor(Hypervisor);
        StartHost(memoryMiB: 2048, hypervisor: faulty);
        Create(Spec("vm", 128, 256, 1024) with { Restart = RestartPolicy.Always });
        UntilForeseen("vm");
        (faulty.FailNextCallOf, faulty.Instead) = (Vm, _call.Task);
        Guest("vm").Used = MiB(170);
        Until("a call is under way", _ => faulty.Faults == 1);
        return faulty;
    }

    private void Stop(TimeSpan grace, bool kill)
    {
        Host.Tell(new HostProtocol.StopVm(Vm, new(grace, kill)), TestActor);
        ExpectMsg<HostProtocol.Done>();
    }
}
