using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>Several VMs on a host that has too little for all: only the guests' own need decides.</summary>
public sealed class SharingStories
{
    [Fact]
    public async Task Memory_follows_a_load_that_moves_from_guest_to_guest()
    {
        // Two guests, with about 760 MiB together.
        await using var host = await StartAsync(memoryMiB: 1000);
        var (one, two) = (await host.CreateAsync(host.Request("one")), await host.CreateAsync(host.Request("two")));
        var held = MemorySize.FromMiB(360);
        foreach (var (loaded, idle) in new[] { (one, two), (two, one) })
        {
            await loaded.Load.HoldAsync(held, Pace, host.Late);
            await loaded.Load.WaitForAsync("it holds more than it booted with", r => r.Held == held, Deadline, host.Late);
            var sight = await loaded.Eye.LookAsync(host.Late);
            Assert.True(sight.Plugged > MemorySize.FromMiB(128), $"{loaded.Name}: {sight}");
            Assert.Equal((0, 0), (loaded.Load.Last!.OomKills, loaded.Load.Deaths));
            var sum = sight.Actual + (await idle.Eye.LookAsync(host.Late)).Actual;
            Assert.True(sum <= MemorySize.FromMiB(1000), $"the guests have {sum} together");
            await loaded.Load.FreeAsync(host.Late);
        }

        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).DeficitBytes);
    }

    [Fact]
    public async Task A_vm_that_does_not_fit_is_made_room_for_by_its_peers()
    {
        await using var host = await StartAsync(memoryMiB: 1100);
        var (one, two) = (await host.CreateAsync(host.Request("one")), await host.CreateAsync(host.Request("two")));
        await host.Client.SetAsync("one", new(null, MiB(400), null), host.Late);
        await host.Client.ResizeAsync("one", MiB(390), host.Late);
        await host.Client.ResizeAsync("two", MiB(390), host.Late);
        await host.UntilAsync("one", "it has grown", v => v.ActualBytes >= MiB(350));
        await host.UntilAsync("two", "it has grown", v => v.ActualBytes >= MiB(350));
        await host.Client.ResizeAsync("one", null, host.Late);
        await host.Client.ResizeAsync("two", null, host.Late);
        var free = (await host.Client.HostAsync(host.Late)).FreeBytes;
        Assert.True(free < MiB(256), $"{free >> 20} MiB are free: it would fit as it is");

        var three = await host.CreateAsync(host.Request("three"));
        Assert.Equal(MemorySize.FromMiB(256), (await three.Eye.LookAsync(host.Late)).Base);
        var peers = (await one.Eye.LookAsync(host.Late)).Actual + (await two.Eye.LookAsync(host.Late)).Actual;
        Assert.True(peers < MemorySize.FromMiB(700), $"the peers still have {peers}");
        Assert.Equal((0L, 0L), (one.Load.Last!.OomKills, two.Load.Last!.OomKills));
        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).DeficitBytes);
    }

    /// <summary>
    /// The forecast saves the guest where emulation is slow, its urgent report where it is fast: what counts is that it survives.
    /// </summary>
    [Fact]
    public async Task A_burst_without_swap_is_answered_before_the_guest_kills()
    {
        await using var host = await StartAsync(memoryMiB: 3072);
        var vm = await host.CreateAsync(host.Request("vm"));
        var before = vm.Load.Last!.MemTotal;
        var held = MemorySize.FromMiB(700);
        await vm.Load.HoldAsync(held, MemorySize.FromMiB(50), host.Late);
        await vm.Load.WaitForAsync("the burst is served", r => r.Held == held, Deadline, host.Late);
        Assert.True(vm.Load.Last!.MemTotal > before + MemorySize.FromMiB(400));
        Assert.Equal((0, 0), (vm.Load.Last!.OomKills, vm.Load.Deaths));
    }
}
