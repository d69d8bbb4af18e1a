using Dmm.Core;
using Dmm.Core.Ports;
using static Dmm.Testbed.Tests.BareGuest;

namespace Dmm.Testbed.Tests;

/// <summary>Facts about plugging by DIMMs: in a VM that was started without virtio-mem, and in a guest that has no driver for it.</summary>
public sealed class DimmFacts
{
    [Fact]
    public async Task An_adopted_VM_without_virtio_mem_grows_and_shrinks_by_DIMMs()
    {
        await using var guest = await AdoptAsync("256M,slots=8,maxmem=4G", "memhp_default_state=online_movable");
        Assert.Equal(Mi(512), guest.Vm.Capabilities.BlockSize);
        Assert.Equal(Mi(3584), guest.Vm.Capabilities.PluggableMax);
        await guest.PlugAsync(1536);
        await guest.UntilGuestAsync("the guest uses them", r => r.MemTotal >= Mi(1600));
        Assert.Equal((Mi(256), Mi(1536), Mi(1536)), (guest.Sizes.Base, guest.Sizes.Plugged, guest.Sizes.PluggedTarget));

        await guest.ReconnectAsync();
        Assert.Equal((Mi(256), Mi(1536), Mi(1536)), (guest.Sizes.Base, guest.Sizes.Plugged, guest.Sizes.PluggedTarget));
        var before = (await guest.Vm.MeasureAsync(guest.Late))!;
        await guest.PlugAsync(512);
        await guest.UntilAsync("two are back", s => s.Plugged == Mi(512) && s.PluggedTarget == Mi(512));
        await guest.PlugAsync(0);
        await guest.UntilAsync("all are back", s => s.Plugged.IsZero);
        var after = (await guest.Vm.MeasureAsync(guest.Late))!;
        Assert.True(after.Overhead < before.Overhead + Mi(16), $"{before}, {after}: the memory of DIMMs that are gone is overhead");
        Assert.Equal(0, guest.Load.Last!.OomKills);
    }

    [Fact]
    public async Task A_DIMM_that_the_kernel_uses_is_refused_and_stays_counted()
    {
        await using var guest = await AdoptAsync("256M,slots=8,maxmem=2G", "memhp_default_state=online_kernel");
        await guest.PlugAsync(1536);
        await guest.UntilGuestAsync("the guest uses them", r => r.MemTotal >= Mi(1600));
        await guest.Load.HoldAsync(Mi(1400), null, guest.Late);
        await guest.UntilGuestAsync("the load fills them", r => r.Held == Mi(1400));
        await guest.Load.FreeAsync(guest.Late);
        await guest.UntilGuestAsync("the load is gone", r => r.Held.IsZero);

        await guest.PlugAsync(0);
        var left = await guest.AtRestAsync(TimeSpan.FromSeconds(6));
        Assert.False(left.Plugged.IsZero, "nothing of the kernel's was in any DIMM");
        Assert.Equal(MemorySize.Zero, left.PluggedTarget);

        // The guest grows again from what it kept.
        await guest.PlugAsync(1536);
        await guest.UntilAsync("it is whole again", s => s.Plugged == Mi(1536) && s.PluggedTarget == Mi(1536));
        Assert.Equal(0, guest.Load.Last!.OomKills);
    }

    /// <summary>The DIMM's metadata would have to come from the guest's free memory, and there is none.</summary>
    [Fact]
    public Task A_DIMM_that_its_guest_could_not_take_is_shown_all_the_same() => UnlessKilledAsync(
        () => AdoptAsync("256M,slots=8,maxmem=4G", "memhp_default_state=online_movable memory_hotplug.memmap_on_memory=0"),
        async guest =>
        {
            await guest.FillAsync(leaveMiB: 3);
            var booted = guest.Load.Last!.MemTotal;
            await guest.PlugAsync(1024);
            await guest.UntilAsync("QEMU shows them", s => s.Plugged == Mi(1024));
            await guest.AtRestAsync(TimeSpan.FromSeconds(3));
            if (await guest.WasKilledAsync())
                return false;
            Assert.True(guest.Load.Last!.MemTotal < booted + Mi(900), $"it has {guest.Load.Last.MemTotal}: it could pay");
            return true;
        });

    [Fact]
    public async Task A_guest_without_the_virtio_mem_driver_is_plugged_by_DIMMs()
    {
        await using var guest = await LaunchAsync("memhp_default_state=online_movable module_blacklist=virtio_mem");
        await Wait.UntilAsync(
            "its agent has said twice that there is no driver", () => Task.FromResult(guest.Seen<VmObservation.Able>().Count > 0),
            TimeSpan.FromSeconds(60), guest.Late);
        Assert.Equal(Mi(128), guest.Vm.Capabilities.BlockSize);
        Assert.Contains(guest.Vm.Capabilities.Lacks, l => l.Contains("whole DIMMs of 128 MiB", StringComparison.Ordinal));
        await guest.PlugAsync(1024);
        await guest.UntilGuestAsync("the guest uses them", r => r.MemTotal >= Mi(1100));
        await guest.PlugAsync(256);
        await guest.UntilAsync("it has given back", s => s.Plugged == Mi(256));
        Assert.Equal(0, guest.Load.Last!.OomKills);
    }
}
