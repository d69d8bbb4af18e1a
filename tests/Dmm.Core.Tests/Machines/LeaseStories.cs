using Dmm.Core.Hosts;
using Dmm.Core.Machines;
using Dmm.Core.Ports;
using static Dmm.Core.Tests.Machines.VmUnderTest;

namespace Dmm.Core.Tests.Machines;

/// <summary>A VM takes its lease by itself when its guest is in need, and gives it back.</summary>
public sealed class LeaseStories
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_guest_in_need_gets_its_lease_at_once_and_the_host_is_asked_for_nothing()
    {
        var vm = Leased();
        vm.Take(new VmProtocol.InNeed(MiB(300)));
        Assert.Equal(MiB(320), vm.Vm.Memory.Target);
        Assert.True(vm.Vm.Memory.Urgent);
        Assert.NotEmpty(vm.Calls);
        Assert.Single(vm.Done.OfType<VmEffect.Notify>(), static n => n.What.Kind == "takesLease");
        Grow(vm);
        Assert.Equal(MiB(320), vm.Vm.Memory.Actual);
        // It answers the host's target, which it keeps to but for its lease.
        Assert.Equal((MiB(256), MiB(64)), (vm.Reported.Confirmation!.Target, vm.Reported.Lease));
    }

    [Fact]
    public void It_gives_the_lease_back_once_its_guest_has_not_been_in_need_for_a_while()
    {
        var vm = Leased();
        vm.Take(new VmProtocol.InNeed(MiB(300)));
        vm.Pass(6 * Second);
        vm.Take(new VmProtocol.InNeed(MiB(300)));
        vm.Pass(6 * Second);
        Assert.Equal(MiB(320), vm.Vm.Memory.Target);
        vm.Pass(6 * Second);
        Assert.Equal((MiB(256), false), (vm.Vm.Memory.Target, vm.Vm.Memory.Urgent));
    }

    [Fact]
    public void What_the_target_gives_it_anyway_needs_no_lease()
    {
        var vm = Leased();
        vm.Take(new VmProtocol.InNeed(MiB(256)));
        Assert.Equal(MiB(256), vm.Vm.Memory.Target);
    }

    [Fact]
    public void The_hosts_answer_ends_the_need_and_the_next_one_takes_the_next_lease()
    {
        var vm = Leased();
        vm.Take(new VmProtocol.InNeed(MiB(500)));
        Tell(vm, 256, 64, number: 2);
        Assert.Equal(MiB(320), vm.Vm.Memory.Target);
        Tell(vm, 320, 64, number: 3);
        Assert.Equal(MiB(320), vm.Vm.Memory.Target);
        vm.Take(new VmProtocol.InNeed(MiB(500)));
        Assert.Equal(MiB(384), vm.Vm.Memory.Target);
    }

    [Fact]
    public void A_lease_that_is_taken_back_is_given_back_whatever_its_guest_needs()
    {
        var vm = Leased();
        vm.Take(new VmProtocol.InNeed(MiB(500)));
        Tell(vm, 256, 0, number: 2);
        Assert.Equal((MiB(256), MiB(0)), (vm.Vm.Memory.Target, vm.Reported.Lease));
        vm.Take(new VmProtocol.InNeed(MiB(500)));
        Assert.Equal(MiB(256), vm.Vm.Memory.Target);
    }

    /// <summary>
    /// The simulation's seed 9002: the lease was given back before the reset was known, and a guest that boots was asked.
    /// </summary>
    [Fact]
    public void After_a_reset_it_is_asked_for_nothing()
    {
        var vm = Leased();
        vm.Take(new VmProtocol.InNeed(MiB(300)));
        Grow(vm);
        vm.Done.Clear();
        vm.Observe(new VmObservation.Sizes(vm.Sizes with { Ballooned = MiB(40) }) { AfterReset = true });
        Assert.DoesNotContain(vm.Calls, static call => call is { Kind: VmCallKind.Balloon, Size.IsZero: false });
        Assert.Equal(MiB(256), vm.Vm.Memory.Target);
    }

    /// <summary>Its host's actor starts anew and knows only the journal: what it was told, it may still take.</summary>
    [Fact]
    public void The_lease_outlives_the_hosts_actor()
    {
        var vm = Leased();
        vm.Take(Part());
        Assert.Equal((0, MiB(64)), (vm.Reported.Heard, vm.Reported.Lease));
        vm.Take(new VmProtocol.InNeed(MiB(300)));
        Assert.Equal(MiB(320), vm.Vm.Memory.Target);
    }

    private static VmUnderTest Leased()
    {
        var vm = Settled();
        Tell(vm, 256, 64, number: 1);
        vm.Done.Clear();
        return vm;
    }

    private static void Tell(VmUnderTest vm, long target, long lease, long number) => vm.Take(
        new VmProtocol.SetTarget(MiB(target), MiB(128), MiB(2048), Urgent: false) { Number = number, Lease = MiB(lease) });

    private static void Grow(VmUnderTest vm)
    {
        while (vm.Vm.UnderWay is not null)
            vm.CarryOut();
    }
}
