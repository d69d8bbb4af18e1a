using Dmm.Core.Vms;
using static Dmm.Core.Tests.Vms.MachineUnderTest;

namespace Dmm.Core.Tests.Vms;

/// <summary>What a guest is given and does not take is taken back, and the VM goes on with what it has.</summary>
public sealed class DeclinedStories
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_device_that_acknowledges_and_gives_nothing_is_told_less_and_the_VM_is_settled_below()
    {
        var vm = new MachineUnderTest();
        Grow(vm, () => vm.Sample(200));
        Assert.Equal((MemorySize.Zero, VmPhase.Settled), (vm.Plug(), vm.Phase));
        Assert.Contains("did not take 256 MiB", vm.State.Why, StringComparison.Ordinal);
        Assert.Equal(MiB(256), Ladder.Reachable(vm.State, MiB(8192)));
        // No spark either: its plugged part would never come, and the ballooned part would be missing.
        Assert.Equal(MemorySize.Zero, vm.State.Sizes!.BalloonedTarget);
    }

    [Fact]
    public void Without_an_agent_it_is_the_same()
    {
        var vm = new MachineUnderTest();
        Grow(vm, () => { });
        Assert.Equal((MemorySize.Zero, MiB(256)), (vm.Plug(), Ladder.Reachable(vm.State, MiB(8192))));
    }

    [Fact]
    public void Memory_that_stays_offline_is_asked_back_even_of_a_guest_with_nothing_left()
    {
        var vm = new MachineUnderTest();
        vm.Sample(5, totalMiB: 236);
        Grow(vm, () =>
        {
            vm.Shows(pluggedMiB: vm.State.Sizes!.PluggedTarget.Bytes >> 20);
            vm.Sample(5, totalMiB: 236);
        });
        // The host has heard that it takes no more than that.
        Assert.Equal(MiB(256), Ladder.Reachable(vm.State, MiB(8192)));
        vm.Target(256);
        Assert.Equal(MemorySize.Zero, vm.Plug());
        vm.Shows(pluggedMiB: 0);
        vm.Wait(100);
        vm.Sample(5, totalMiB: 236);
        Assert.Equal((VmPhase.Settled, MiB(256)), (vm.Phase, vm.State.Ceiling));
    }

    /// <summary>A part of a block can't be unplugged: asked back by itself, it would stand in the way of all else.</summary>
    [Fact]
    public void A_part_of_a_block_that_was_not_accepted_stops_no_shrink()
    {
        var vm = new MachineUnderTest();
        vm.Sample(200, totalMiB: 236);
        Grow(vm, () =>
        {
            vm.Shows(pluggedMiB: vm.State.Sizes!.PluggedTarget.Bytes >> 20);
            vm.Sample(200, totalMiB: 236 + 127);
        });
        var taken = vm.State.Declined!.Plugged.Bytes >> 20;
        Assert.Equal(1, taken % 2);
        var shown = taken + 1;
        vm.Target(256 + shown);
        vm.Shows(pluggedMiB: shown);
        vm.WaitSeconds(1);
        vm.Sample(200, totalMiB: 236 + taken);

        vm.Target(300);
        vm.Wait(250);

        Assert.True(vm.Plug() < MiB(shown), $"{vm.Plug()}");
    }

    /// <summary>What a device shows says nothing of what its guest has brought online.</summary>
    [Fact]
    public void A_guest_that_leaves_memory_offline_is_asked_for_no_more_until_a_sample_shows_the_first_block()
    {
        var vm = new MachineUnderTest();
        vm.Feed(new VmCommand.ObserveHello(new() { Protocol = 1, AutoOnline = "offline" }));
        vm.Wait(100);
        vm.Sample(200, totalMiB: 236);
        vm.Target(1024);
        vm.Wait(250);
        Assert.Equal(MiB(128), vm.Plug());

        vm.Shows(pluggedMiB: 128);
        Assert.Equal((MiB(128), MiB(384)), (vm.Plug(), Ladder.Reachable(vm.State, MiB(1024))));
        vm.Wait(250);
        vm.Sample(200, totalMiB: 236);
        Assert.Equal((MiB(128), MiB(384)), (vm.Plug(), Ladder.Reachable(vm.State, MiB(1024))));

        // Something in the guest has brought it online.
        vm.Sample(300, totalMiB: 364);
        Assert.Equal(MiB(1024), Ladder.Reachable(vm.State, MiB(1024)));
        // And it stays known while the next part comes.
        vm.Shows(pluggedMiB: 256);
        Assert.Equal(MiB(1024), Ladder.Reachable(vm.State, MiB(1024)));
    }

    [Fact]
    public void The_guest_is_tried_with_a_block_after_a_while_and_grows_on_if_it_takes_that()
    {
        var vm = new MachineUnderTest();
        Grow(vm, () => vm.Sample(200));
        vm.Asked.Clear();
        vm.WaitSeconds(270, () => vm.Sample(200));
        Assert.DoesNotContain(vm.Asked, e => e is VmEvent.PlugAsked { Plugged.IsZero: false });
        vm.WaitSeconds(40, () => vm.Sample(200));
        Assert.Equal(MiB(128), vm.Plug());
        vm.Shows(pluggedMiB: 128);
        vm.Wait(100);
        vm.Sample(300);
        Assert.Null(vm.State.Declined);
        Assert.Equal(MiB(512), Ladder.Reachable(vm.State, MiB(512)));
    }

    [Fact]
    public void A_guest_that_had_nothing_to_pay_with_is_tried_as_soon_as_it_has()
    {
        var vm = new MachineUnderTest();
        Grow(vm, () => vm.Sample(12), available: 12);
        vm.Asked.Clear();
        vm.WaitSeconds(10, () => vm.Sample(12));
        Assert.Empty(vm.Asked);
        vm.Sample(60);
        vm.Wait(250);
        Assert.Equal(MiB(128), vm.Plug());
    }

    [Fact]
    public void Each_time_in_vain_it_is_left_alone_for_longer()
    {
        var vm = new MachineUnderTest();
        Grow(vm, () => vm.Sample(200));
        var last = TimeSpan.Zero;
        for (var times = 1; times <= 4; times++)
        {
            var declined = vm.State.Declined!;
            var wait = declined.NextAt(urgent: false, vm.State.Profile) - declined.At;
            Assert.Equal(times, declined.Times);
            Assert.True(wait > last && wait <= TimeSpan.FromHours(1), $"{wait} after {last}");
            Assert.Equal(vm.State.Profile.RetryMax, declined.NextAt(urgent: true, vm.State.Profile) - declined.At);
            last = wait;
            vm.WaitSeconds((int)wait.TotalSeconds + 60, () => vm.Sample(200));
        }
    }

    [Fact]
    public void A_reset_or_another_kernel_is_tried_anew()
    {
        var vm = new MachineUnderTest();
        Grow(vm, () => vm.Sample(200));
        vm.Feed(new VmCommand.ObserveHello(new() { Protocol = 1, AutoOnline = "online", VirtioMem = true }));
        Assert.Null(vm.State.Declined);
        Grow(vm, () => vm.Sample(200));
        vm.Reset();
        Assert.Null(vm.State.Declined);
    }

    /// <summary>A guest that moves, however slowly, is left alone.</summary>
    [Fact]
    public void A_guest_that_takes_it_slowly_keeps_its_grant()
    {
        var vm = new MachineUnderTest();
        vm.Sample(200);
        vm.Target(512);
        for (var plugged = 0; plugged < 280; plugged += 4)
        {
            vm.WaitSeconds(4, () => vm.Sample(200));
            vm.Shows(pluggedMiB: plugged);
        }

        Assert.Null(vm.State.Declined);
    }

    /// <summary>Wants 512 MiB for longer than a guest may take without moving.</summary>
    private static void Grow(MachineUnderTest vm, Action each, long available = 200)
    {
        vm.Sample(available);
        vm.Target(512);
        vm.WaitSeconds((int)(vm.State.Profile.UncooperativeAfter + (15 * Second)).TotalSeconds, each);
        Assert.NotNull(vm.State.Declined);
    }
}
