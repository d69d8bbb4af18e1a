using Dmm.Core;
using Dmm.Core.Ports;
using static Dmm.Testbed.Tests.BareGuest;

namespace Dmm.Testbed.Tests;

/// <summary>Facts about how far a guest of 256 MiB grows, and what it gives back: its zone policy decides.</summary>
public sealed class GrowthFacts
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task A_guest_of_256_MiB_grows_to_96_GiB_by_further_devices_and_gives_it_back()
    {
        // init_on_alloc=0, since this tests the amount, not the speed: a guest that zeroes each page that it takes gives back only 400
        // MiB a second under emulation.
        await using var guest = await LaunchAsync(
            "memhp_default_state=online memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=50 init_on_alloc=0");
        Assert.Equal(MemorySize.FromGiB(16), guest.Vm.Capabilities.PluggableMax);
        await guest.Vm.ExtendAsync(MemorySize.FromGiB(64), guest.Late);
        Assert.Equal(MemorySize.FromGiB(64), guest.Seen<VmObservation.Able>()[^1].Value.PluggableMax);

        await GrowAsync(guest, 8);
        await GrowAsync(guest, 64);
        var cost = await guest.Vm.MeasureAsync(guest.Late);
        Assert.True(cost!.Overhead < Mi(400), $"{cost}: what the guest has of its new device is not overhead");
        Assert.True(cost.Resident > cost.Overhead + Mi(512), $"{cost}: 64 GiB of page metadata alone are 1 GiB");

        // Each further device at least doubles the sum of the devices.
        await guest.Vm.ExtendAsync(MemorySize.FromGiB(96), guest.Late);
        Assert.Equal(MemorySize.FromGiB(128), guest.Seen<VmObservation.Able>()[^1].Value.PluggableMax);
        await GrowAsync(guest, 96);

        await guest.PlugAsync(0);
        await guest.UntilAsync("all but a few blocks is back", s => s.Plugged <= Mi(32));
        Assert.Equal(0, guest.Load.Last!.OomKills);
        await guest.ReconnectAsync();
        Assert.Equal(MemorySize.FromGiB(128), guest.Vm.Capabilities.PluggableMax);
    }

    /// <summary>
    /// 301 is a ratio above which less memory goes into the kernel's zone, and 2000 the highest, which DMM treats as unlimited: with both
    /// a guest grows beyond an all-movable guest.
    /// </summary>
    [Theory]
    [InlineData(301)]
    [InlineData(2000)]
    public async Task A_guest_whose_first_blocks_are_movable_grows_on_where_the_kernel_gets_its_part(int ratio)
    {
        await using var guest =
            await LaunchAsync(
                $"memhp_default_state=online memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio={ratio}");
        await GrowAsync(guest, 15);
        await guest.PlugAsync(0);
        await guest.UntilAsync("all but a few blocks is back", s => s.Plugged <= Mi(32));
        Assert.Equal(0, guest.Load.Last!.OomKills);
    }

    [Fact]
    public async Task A_new_request_in_mid_unplug_takes_over()
    {
        await using var guest = await LaunchAsync();
        await GrowAsync(guest, 15);
        var mark = guest.Mark();
        await guest.PlugAsync(0);
        await guest.UntilAsync("it has begun to give", s => s.Plugged < MemorySize.FromGiB(15));
        await guest.PlugAsync(15 << 10);
        await guest.UntilAsync("it has all of it again", s => s.Plugged == MemorySize.FromGiB(15));
        await guest.UntilGuestAsync("the guest counts it", r => r.MemTotal >= MemorySize.FromGiB(14));
        Assert.Contains(guest.SizesSince(mark), s => s.Plugged > s.PluggedTarget);
        Assert.Equal(0, guest.Load.Last!.OomKills);
    }

    [Fact]
    public async Task A_guest_whose_new_memory_is_all_movable_stops_when_its_metadata_has_filled_it_and_gives_all_back()
    {
        await using var guest = await LaunchAsync("memhp_default_state=online_movable");
        await guest.PlugAsync(15 << 10);
        await guest.UntilAsync("it has grown", s => s.Plugged >= MemorySize.FromGiB(8));
        var stopped = await guest.AtRestAsync(Rest);
        Assert.True(stopped.Plugged < MemorySize.FromGiB(14), $"{stopped}");
        await guest.PlugAsync(0);
        await guest.UntilAsync("all is back", s => s.Plugged.IsZero);
    }

    [Fact]
    public async Task A_guest_whose_new_memory_is_all_the_kernels_keeps_what_the_kernel_put_there()
    {
        await using var guest = await LaunchAsync("memhp_default_state=online_kernel memory_hotplug.online_policy=contig-zones");
        await guest.PlugAsync(12 << 10);
        await guest.UntilAsync("it has grown beyond what a movable one can", s => s.Plugged == MemorySize.FromGiB(12));
        await guest.Load.HoldAsync(Mi(2048), null, guest.Late);
        await guest.UntilGuestAsync("it is used", r => r.Held == Mi(2048));
        await guest.Load.FreeAsync(guest.Late);
        await guest.UntilGuestAsync("it is free again", r => r.Held.IsZero);
        await guest.PlugAsync(0);
        await guest.UntilAsync("it has given what the kernel does not use", s => s.Plugged < Mi(2048));
        var left = await guest.AtRestAsync(Rest);
        Assert.False(left.Plugged.IsZero, $"{left}");
    }

    private static async Task GrowAsync(BareGuest guest, long gib)
    {
        await guest.PlugAsync(gib << 10);
        await guest.UntilAsync($"{gib} GiB are plugged", s => s.Plugged == MemorySize.FromGiB(gib));
        await guest.UntilGuestAsync($"the guest itself counts nearly {gib} GiB", r => r.MemTotal >= MemorySize.FromGiB(gib).Scale(0.96));
    }

    [Fact]
    public async Task A_sample_follows_a_movement_and_does_not_wait_for_the_agents_turn()
    {
        await using var guest = await LaunchAsync();
        await guest.AtRestAsync(Rest);
        for (var round = 1; round <= 5; round++)
        {
            await guest.BalloonAsync(round * 8);
            var there = await guest.UntilAsync("the balloon has it", s => s.Ballooned == Mi(round * 8));
            Assert.Equal(there.Ballooned, there.BalloonedTarget);
        }

        // A calm agent would send five samples in five seconds: these came faster.
        var samples = guest.Seen<VmObservation.Sample>().Select(s => s.Value.At).ToArray();
        Assert.Contains(samples.Zip(samples.Skip(1)), pair => pair.Second - pair.First < TimeSpan.FromMilliseconds(500));
    }
}
