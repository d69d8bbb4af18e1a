using Dmm.Core;
using static Dmm.Testbed.Tests.BareGuest;

namespace Dmm.Testbed.Tests;

/// <summary>
/// Facts about hot-add into a guest that is nearly full: the page metadata of new memory comes from the memory that it has.
/// </summary>
public sealed class FullGuestFacts
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(3);

    /// <summary>Shorter than virtio-mem's own 50 s, after which a guest tries again by itself.</summary>
    private static readonly TimeSpan BeforeItTriesAgain = TimeSpan.FromSeconds(25);

    [Theory]
    [InlineData(50, 4096)]
    [InlineData(301, 8192)]
    public async Task With_20_MiB_free_a_plug_of_gigabytes_works(int ratio, long mib)
    {
        await using var guest = await LaunchAsync(Ratio(ratio));
        await guest.FillAsync(leaveMiB: 20);
        await guest.PlugAsync(mib);
        await guest.UntilGuestAsync("the guest counts it", r => r.MemTotal >= Mi(mib).Scale(0.96));
        Assert.Equal(0, guest.Load.Last!.OomKills);
    }

    /// <summary>The driver gives up; once a rescue DIMM has given the guest what it needs, the same request wakes the driver.</summary>
    [Fact]
    public Task With_nothing_free_a_plug_is_shown_and_taken_back() => UnlessKilledAsync(() => LaunchAsync(), async guest =>
    {
        await guest.FillAsync(leaveMiB: 3);
        var (mark, booted) = (guest.Mark(), guest.Load.Last!.MemTotal);
        await guest.PlugAsync(4 << 10);
        await guest.UntilGivenUpAsync(mark);
        if (await guest.WasKilledAsync())
            return false;

        // The device showed memory that the guest never had.
        Assert.Equal(booted, guest.Load.Last!.MemTotal);
        Assert.Equal(MemorySize.Zero, guest.Sizes.Plugged);

        await guest.Vm.RescueAsync(guest.Late);
        await guest.UntilAsync("it counts as base", s => s.Base == Mi(384));
        await guest.UntilGuestAsync("the guest can use it", r => r.MemTotal >= booted + Mi(100));
        await guest.PlugAsync(4 << 10);
        await guest.UntilGuestAsync("the guest has all of it", r => r.MemTotal >= Mi(4000), BeforeItTriesAgain);
        return !await guest.WasKilledAsync();
    });

    [Fact]
    public async Task With_nothing_free_a_rescue_DIMM_saves_the_guest_and_pays_for_what_is_plugged_then()
    {
        await using var guest = await LaunchAsync();
        await guest.FillAsync(leaveMiB: 3);
        var booted = guest.Load.Last!.MemTotal;
        await guest.Vm.RescueAsync(guest.Late);
        await guest.UntilAsync("it counts as base", s => s.Base == Mi(384));
        await guest.UntilGuestAsync("the guest can use it", r => r.MemTotal >= booted + Mi(100));
        await guest.PlugAsync(8 << 10);
        await guest.UntilGuestAsync("the guest has all of it", r => r.MemTotal >= Mi(8000), BeforeItTriesAgain);
        Assert.False(await guest.WasKilledAsync());
    }

    [Fact]
    public async Task With_nothing_free_and_nothing_given_the_next_allocation_is_killed_if_not_one_before()
    {
        await using var guest = await LaunchAsync();
        await guest.FillAsync(leaveMiB: 3);
        var (mark, held) = (guest.Mark(), guest.Load.Last!.Held);
        await guest.PlugAsync(4 << 10);
        await guest.UntilGivenUpAsync(mark);
        await guest.Load.HoldAsync(held + Mi(64), null, guest.Late);
        await guest.UntilGuestAsync("the OOM killer has come", r => r.OomKills > 0);
        await guest.UntilLoadDiedAsync();
    }

    [Fact]
    public async Task Rescue_DIMMs_may_follow_one_another()
    {
        await using var guest = await LaunchAsync();
        await guest.FillAsync(leaveMiB: 3);
        var booted = guest.Load.Last!.MemTotal;
        for (var dimms = 1; dimms <= 8; dimms++)
        {
            await guest.Vm.RescueAsync(guest.Late);
            await guest.UntilAsync($"{dimms} count as base", s => s.Base == Mi(256 + (128 * dimms)));
        }

        await guest.UntilGuestAsync("the guest has them", r => r.MemTotal >= booted + Mi(8 * 100));
        Assert.Equal((0, 0), (guest.Load.Last!.OomKills, guest.Load.Deaths));
    }

    [Fact]
    public async Task With_nothing_free_a_balloon_given_at_the_moment_of_the_plug_pays_for_it()
    {
        await using var guest = await LaunchAsync();
        await guest.BalloonAsync(24);
        await guest.UntilAsync("the spark is laid by", s => s.Ballooned == Mi(24));
        await guest.FillAsync(leaveMiB: 3);
        await guest.BalloonAsync(0);
        await guest.PlugAsync(4 << 10);
        await guest.UntilGuestAsync("the guest has all of it", r => r.MemTotal >= Mi(3900), BeforeItTriesAgain);
        Assert.Equal((0, 0), (guest.Load.Last!.OomKills, guest.Load.Deaths));
    }

    [Theory]
    [InlineData("memhp_default_state=online_movable")]
    [InlineData("memhp_default_state=online memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=301")]
    public Task Where_the_first_new_memory_is_movable_a_nearly_full_guest_stops_after_a_few_blocks(string policy) =>
        UnlessKilledAsync(() => LaunchAsync(policy), async guest =>
    {
        await guest.FillAsync(leaveMiB: 6);
        await guest.PlugAsync(4 << 10);
        var stopped = await guest.AtRestAsync(Rest);
        if (await guest.WasKilledAsync())
            return false;
        Assert.True(stopped.Plugged <= Mi(1024), $"{stopped}");
        return true;
    });

    [Fact]
    public async Task Where_the_first_new_block_is_the_kernels_a_nearly_full_guest_grows_on()
    {
        await using var guest = await LaunchAsync(Ratio(50));
        await guest.FillAsync(leaveMiB: 6);
        await guest.PlugAsync(4 << 10);
        await guest.UntilGuestAsync("the guest has all of it", r => r.MemTotal >= Mi(3900), BeforeItTriesAgain);
        Assert.Equal(0, guest.Load.Last!.OomKills);
    }

    /// <summary>Without the balloon's part it grows seconds later, or its OOM killer acts: the plug takes its last pages.</summary>
    [Fact]
    public async Task A_guest_that_swaps_grows_when_its_balloon_gives_at_the_moment_of_the_plug()
    {
        await using var guest = await LaunchAsync($"{Ratio(50)} dmm.zram=256M");
        await guest.BalloonAsync(16);
        await guest.UntilAsync("the spark is laid by", s => s.Ballooned == Mi(16));
        await guest.Load.HoldAsync(Mi(300), null, guest.Late);
        await guest.UntilGuestAsync("it swaps", r => r.MemFreeKib < 16 << 10 && r.HeldKib > 180 << 10);
        await guest.BalloonAsync(0);
        await guest.PlugAsync(2 << 10);
        await guest.UntilGuestAsync("the load holds all that it wants", r => r.Held == Mi(300) && r.MemTotal >= Mi(2000));
        Assert.Equal((0, 0), (guest.Load.Last!.OomKills, guest.Load.Deaths));
    }

    private static string Ratio(int perCent) =>
        $"memhp_default_state=online memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio={perCent}";
}
