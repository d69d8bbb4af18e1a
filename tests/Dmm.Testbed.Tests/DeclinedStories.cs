using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>What a guest is given and never takes comes back, and others may have it.</summary>
public sealed class DeclinedStories
{
    [Fact]
    public async Task Memory_that_stays_offline_is_asked_back_and_a_peer_gets_it()
    {
        await using var host = await StartAsync(memoryMiB: 1300);
        var vm = await host.CreateAsync(host.Request("o", max: 1024) with
        {
            Append = BareGuest.Usual + " memhp_default_state=offline",
        });
        await vm.Load.HoldAsync(MemorySize.FromMiB(110), null, host.Late);
        await host.Client.ResizeAsync("o", MiB(700), host.Late);
        await host.UntilAsync("o", "it was given memory", v => v.GrantedBytes > MiB(300));
        var left = await host.UntilAsync("o", "what it did not take is gone", v => v is { State: "settled" } && v.GrantedBytes <= MiB(300));
        Assert.Contains(left.Warnings, w => w.Contains("has not taken", StringComparison.Ordinal));
        Assert.Contains(await host.Client.EventsAsync(host.Late), e => e is { Kind: "declined", Vm: "o" });

        await host.CreateAsync(host.Request("peer", min: 600, boot: 600, max: 600));
        await vm.Load.ReportAsync(host.Late);
        Assert.Equal((0, 0), (vm.Load.Last!.OomKills, vm.Load.Deaths));
    }

    /// <summary>Nobody says that the guest has no such driver: neither its agent nor its device.</summary>
    [Fact]
    public async Task A_guest_without_the_driver_and_without_an_agent_is_governed_by_its_balloon()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        await host.Client.CreateAsync(
            host.Request("vm") with { Append = BareGuest.Append + " module_blacklist=virtio_mem dmm.agent=off" }, host.Late);
        await host.UntilAsync("vm", "its balloon reports", v => v.Agent == "balloonStatistics");
        await host.Client.ResizeAsync("vm", MiB(512), host.Late);
        await host.UntilAsync("vm", "it is left with what it has", v => v is { State: "settled" }
            && v.GrantedBytes <= MiB(258) && v.ActualBytes >= MiB(254));
        await host.Client.ResizeAsync("vm", MiB(192), host.Late);
        await host.UntilAsync("vm", "it gives", v => Arrived(v, 192));
    }
}
