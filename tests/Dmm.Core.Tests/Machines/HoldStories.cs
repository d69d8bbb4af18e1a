using CsCheck;
using Dmm.Core.Machines;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using static Dmm.Core.Tests.Machines.VmUnderTest;

namespace Dmm.Core.Tests.Machines;

/// <summary>The bounds to which the host itself holds a VM follow what is claimed for it.</summary>
public sealed class HoldStories
{
    private static IEnumerable<VmBounds> Holds(VmUnderTest vm) => vm.Done.OfType<VmEffect.Hold>().Select(hold => hold.Bounds);

    /// <summary>A VM that has a control group of its own, and a balloon that holds back nothing.</summary>
    internal static VmUnderTest InGroup()
    {
        var vm = Settled();
        vm.Can = vm.Can with { Group = "/dmm/vm" };
        vm.Observe(new VmObservation.Able(vm.Can));
        vm.Done.Clear();
        return vm;
    }

    /// <summary>Its guest does what it is told.</summary>
    private static void Arrive(VmUnderTest vm)
    {
        for (var i = 0; i < 20; i++)
        {
            while (vm.Vm.UnderWay is not null)
            {
                Assert.True(vm.Vm.Bounds!.Claim >= vm.Sizes.Ceiling + vm.Vm.Overhead);
                vm.CarryOut();
            }

            vm.Pass(TimeSpan.FromSeconds(1));
            vm.Sample(200);
        }
    }

    [Fact]
    public void They_rise_before_a_device_is_told_to_grow_and_fall_when_none_can_become_more()
    {
        var vm = InGroup();
        vm.Target(512, overhead: 60);
        var effects = vm.Done.Where(e => e is VmEffect.Hold or VmEffect.Carry).ToList();
        Assert.IsType<VmEffect.Hold>(effects[0]);
        Assert.IsType<VmEffect.Carry>(effects[1]);
        Assert.Equal((MiB(512 + 60) + VmBounds.Slack).RoundUp(MiB(4)), Holds(vm).Last().Claim);
        vm.Take(new VmFact.Held());
        Arrive(vm);

        vm.Done.Clear();
        vm.Target(200, number: 2, overhead: 60);
        // Until its devices have been told and have moved, it can still become what it was: the bounds stay.
        Assert.Empty(Holds(vm));
        Arrive(vm);
        Assert.Equal(MiB(200), vm.Sizes.Actual);
        Assert.Equal((MiB(200 + 60) + VmBounds.Slack).RoundUp(MiB(4)), Holds(vm).Last().Claim);
    }

    [Fact]
    public void A_reset_raises_them_to_all_that_the_guest_boots_with()
    {
        var vm = InGroup();
        vm.Target(160);
        Arrive(vm);
        Assert.True(vm.Vm.Bounds!.Claim < MiB(256));
        vm.Observe(new VmObservation.Sizes(vm.Sizes) { AfterReset = true });
        Assert.True(vm.Vm.Bounds!.Claim >= MiB(256));
        Assert.Equal(vm.Vm.Bounds, Holds(vm).Last());
    }

    [Fact]
    public void A_measured_overhead_raises_them()
    {
        var vm = InGroup();
        var before = vm.Vm.Bounds!;
        vm.Take(new VmFact.Measured(new(MiB(300), MiB(500), null)));
        Assert.Equal(MiB(300), Holds(vm).Last().Claim - before.Claim);
    }

    [Fact]
    public void That_a_vm_can_not_be_held_is_said_once_and_tried_again_with_the_next_measurement()
    {
        var vm = InGroup();
        vm.Target(512);
        vm.Take(new VmFact.NotHeld("memory.high can't be written: no such file"));
        Assert.Equal("memory.high can't be written: no such file", vm.Reported.NotHeld);
        vm.Target(600, number: 2);
        Assert.Single(Holds(vm));
        vm.Pass(Settings.OverheadPeriod + TimeSpan.FromSeconds(1));
        Assert.Equal(2, Holds(vm).Count());
        vm.Take(new VmFact.NotHeld("memory.high can't be written: no such file"));
        Assert.Single(vm.Done.OfType<VmEffect.Notify>(), n => n.What.Kind == "notHeld");

        vm.Pass(Settings.OverheadPeriod + TimeSpan.FromSeconds(1));
        vm.Take(new VmFact.Held());
        Assert.Null(vm.Reported.NotHeld);
        Assert.Single(vm.Done.OfType<VmEffect.Notify>(), n => n.What.Kind == "held");
    }

    [Fact]
    public void A_new_connection_is_held_anew()
    {
        var vm = InGroup();
        vm.Target(512);
        vm.Take(new VmFact.CallLost("it took too long"));
        vm.Done.Clear();
        while (!vm.Done.Any(e => e is VmEffect.Connect))
            vm.Pass(TimeSpan.FromMilliseconds(100));
        vm.Connect();
        Assert.NotEmpty(Holds(vm));
    }

    [Fact]
    public void A_vm_without_a_group_of_its_own_is_not_held()
    {
        var vm = Settled();
        vm.Target(512);
        Assert.Empty(Holds(vm));
    }

    /// <summary>A VM that does what it was told is never slowed down and never killed.</summary>
    [Fact]
    public void The_bounds_leave_room_for_all_that_is_claimed() => Gen.Select(
        Gen.Long[0, 1L << 40], Gen.Long[0, 1L << 40], Gen.Long[0, 1L << 40], Gen.Long[0, 1L << 36], Gen.Long[0, 1L << 40])
        .Sample((ceiling, target, max, overhead, min) =>
        {
            var bounds = VmBounds.Of(new(ceiling), new(target), new(max), new(overhead), new(min));
            return bounds.Claim >= new MemorySize(Math.Max(ceiling, target) + overhead)
                && bounds.Most >= bounds.Claim && bounds.Most > new MemorySize(max + overhead)
                && bounds.Guarantee <= new MemorySize(min + overhead) && bounds.Guarantee.IsZero == (min == 0)
                && bounds.Exceeds(null) && !bounds.Exceeds(bounds);
        });
}
