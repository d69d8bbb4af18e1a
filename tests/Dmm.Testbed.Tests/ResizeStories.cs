using Dmm.Contracts;
using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>One VM with given targets: the ladder on a real guest. The compared figures come from the guest and from QEMU.</summary>
public sealed class ResizeStories
{
    [Fact]
    public async Task A_guest_grows_beyond_what_it_booted_with_and_gives_it_back()
    {
        await using var host = await StartAsync(memoryMiB: 4096);
        var vm = await host.CreateAsync(host.Request("vm"));
        var booted = vm.Load.Last!.MemTotal;
        Assert.True(booted < MemorySize.FromMiB(256));

        await host.Client.ResizeAsync("vm", MiB(1024), host.Late);
        await vm.Load.WaitForAsync(
            "the guest itself counts the new memory", r => r.MemTotal >= booted + MemorySize.FromMiB(760), Deadline, host.Late);
        var (shown, sight) = await host.UntilAgreedAsync(vm, "it has arrived", v => v is { State: "settled" }
            && v.ActualBytes == MiB(1024));
        Assert.Equal(shown.PluggedBytes, sight.Plugged.Bytes);
        Assert.Equal(shown.BalloonedBytes, sight.Ballooned.Bytes);
        Assert.Equal("agent", shown.Agent);
        Assert.Empty(shown.Warnings);

        await host.Client.ResizeAsync("vm", MiB(160), host.Late);
        await host.UntilAsync("vm", "it is below its boot memory", v => v is { State: "settled" } && v.ActualBytes <= MiB(164));
        sight = await vm.Eye.LookAsync(host.Late);
        Assert.True(sight.Ballooned >= MemorySize.FromMiB(90), $"{sight}");
        // A balloon that deflates on OOM does not change the guest's MemTotal: the loss shows only in its available memory.
        await vm.Load.WaitForAsync("the guest itself has less", r => r.MemAvailable <= MemorySize.FromMiB(130), Deadline, host.Late);
        Assert.Equal(0, vm.Load.Last!.OomKills);
    }

    [Fact]
    public async Task A_shrink_under_load_stops_at_what_the_guest_can_give_and_goes_on_when_the_load_ends()
    {
        await using var host = await StartAsync(memoryMiB: 4096);
        var vm = await host.CreateAsync(host.Request("vm"));
        await host.Client.ResizeAsync("vm", MiB(1024), host.Late);
        await host.UntilAsync("vm", "it has grown", v => v is { State: "settled" } && v.ActualBytes == MiB(1024));
        var held = MemorySize.FromMiB(500);
        await vm.Load.HoldAsync(held, null, host.Late);
        await vm.Load.WaitForAsync("the load holds its memory", r => r.Held == held, Deadline, host.Late);
        await vm.Load.WorkAsync(1, host.Late);

        await host.Client.ResizeAsync("vm", MiB(256), host.Late);
        var stopped = await host.UntilAsync("vm", "it has stopped at what the guest can give", v => v.State is "stuck" or "uncooperative");
        Assert.True(stopped.ActualBytes >= held.Bytes, $"it was shrunk to {stopped.ActualBytes >> 20} MiB with {held} in use");
        Assert.True(stopped.GrantedBytes >= stopped.ActualBytes);
        Assert.Equal((0, 0), (vm.Load.Last!.OomKills, vm.Load.Deaths));

        await vm.Load.FreeAsync(host.Late);
        await host.UntilAsync(
            "vm", "it goes on by itself, and its grant follows",
            v => v is { State: "settled" } && v.ActualBytes <= MiB(260) && v.GrantedBytes >= v.ActualBytes && v.GrantedBytes <= MiB(276));
    }

    [Fact]
    public async Task A_target_that_changes_in_mid_operation_turns_it_round_and_nothing_is_counted_twice()
    {
        await using var host = await StartAsync(memoryMiB: 12288);
        var vm = await host.CreateAsync(host.Request("vm", max: 10240));
        foreach (var (there, back) in new[] { (10240L, 384L), (8192L, 512L), (384L, 6144L), (512L, 2048L) })
        {
            var before = (await host.Client.VmAsync("vm", host.Late)).ActualBytes;
            await host.Client.ResizeAsync("vm", MiB(there), host.Late);
            await host.UntilAsync("vm", "it is on its way", v => v.ActualBytes != before);
            await host.Client.ResizeAsync("vm", MiB(back), host.Late);
            await host.UntilAgreedAsync(vm, "it has arrived, and its grant has followed", v => RealHost.Arrived(v, back));
            // Its overhead is measured again from time to time: two answers may come before and after that.
            await Wait.UntilAsync(
                "what is granted and its overhead are all that is claimed",
                async () =>
                {
                    var (done, ledger) = (await host.Client.VmAsync("vm", host.Late), await host.Client.HostAsync(host.Late));
                    return done.GrantedBytes + done.OverheadBytes == ledger.ClaimsBytes;
                },
                Deadline, host.Late);
        }

        await vm.Load.ReportAsync(host.Late);
        Assert.Equal(0, vm.Load.Last!.OomKills);
    }

    [Fact]
    public async Task A_guest_without_an_agent_is_governed_by_its_balloons_statistics()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        await host.Client.CreateAsync(
            host.Request(
                "vm") with
            { Append = "console=ttyS0 quiet swiotlb=noforce no_timer_check memhp_default_state=online dmm.agent=off" },
                host.Late);
        var vm = await host.UntilAsync("vm", "its balloon reports", v => v is { State: "settled", Agent: "balloonStatistics" });
        Assert.True(vm.Guest!.MemAvailableBytes > 0);

        await host.Client.ResizeAsync("vm", MiB(512), host.Late);
        await host.UntilAsync("vm", "it has grown", v => v is { State: "settled" } && v.ActualBytes == MiB(512));
        await host.Client.ResizeAsync("vm", MiB(192), host.Late);
        await host.UntilAsync("vm", "it has shrunk", v => v is { State: "settled" } && v.ActualBytes <= MiB(196));
    }

    [Fact]
    public async Task A_target_outside_the_policy_is_refused_and_nothing_moves()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        await host.CreateAsync(host.Request("vm", max: 512));
        var refused = await Assert.ThrowsAsync<TestbedException>(() => host.Client.ResizeAsync("vm", MiB(1024), host.Late));
        Assert.Contains("outside its policy, min 128 MiB to max 512 MiB", refused.Message);
        Assert.Equal(MiB(256), (await host.Client.VmAsync("vm", host.Late)).TargetBytes);
        await host.Client.SetAsync("vm", new SetVmRequest(null, MiB(1024), null), host.Late);
        await host.Client.ResizeAsync("vm", MiB(1024), host.Late);
        await host.UntilAsync("vm", "the raised max is used", v => v.ActualBytes == MiB(1024));
    }
}
