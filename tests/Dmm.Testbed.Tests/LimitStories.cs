using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>The limits of a VM's growth by its devices, its guest's zones or its last free page, and the daemon's reaction.</summary>
public sealed class LimitStories
{
    [Fact]
    public async Task A_guest_grows_beyond_its_device_when_its_max_is_raised()
    {
        await using var host = await StartAsync(memoryMiB: 6144, more: "qemu { hotplug-room = 512MiB }");
        var vm = await host.CreateAsync(host.Request("vm", max: 512));
        Assert.Equal(1, (await vm.Eye.LookAsync(host.Late)).Devices);

        await host.Client.SetAsync("vm", new(null, MiB(3072), null), host.Late);
        await host.Client.ResizeAsync("vm", MiB(2560), host.Late);
        var shown = await host.UntilAsync("vm", "it has arrived", v => v is { State: "settled" } && v.ActualBytes == MiB(2560));
        await vm.Load.WaitForAsync(
            "the guest itself counts the new memory", r => r.MemTotal >= MemorySize.FromMiB(2400), Deadline, host.Late);
        // A guest that has come to rest may still trade a few MiB of plugged memory for its balloon (the spark).
        var sight = await Wait.ForAsync(
            "QEMU shows what dmm says", async () => await vm.Eye.LookAsync(host.Late) is var seen && seen.Actual.Bytes == shown.ActualBytes
                ? seen : null, Deadline, host.Late);
        Assert.Equal(2, sight.Devices);
        Assert.Contains(await host.Client.EventsAsync(host.Late), e => e is { Kind: "extended", Vm: "vm" });

        // The next daemon finds the device, and empties it like the first.
        await host.Daemon.KillAsync();
        await host.Daemon.StartAsync(host.Late);
        await host.Client.WaitForVmAsync("vm", "it is taken up", v => v is { State: "settled" }, Deadline, host.Late);
        await host.Client.ResizeAsync("vm", MiB(256), host.Late);
        await host.UntilAsync("vm", "it has given it back", v => v is { State: "settled" } && v.ActualBytes <= MiB(272));
        sight = await vm.Eye.LookAsync(host.Late);
        Assert.Equal(2, sight.Devices);
        Assert.Equal(0, vm.Load.Last!.OomKills);
    }

    [Fact]
    public async Task A_guest_whose_zones_end_its_growth_is_asked_for_no_more_and_it_is_said_what_to_set()
    {
        await using var host = await StartAsync(memoryMiB: 14336);
        var vm = await host.CreateAsync(host.Request("vm", max: 12288) with
        {
            Append = $"{BareGuest.Usual} memhp_default_state=online_movable",
        });
        var warned = await host.Client.VmAsync("vm", host.Late);
        Assert.Contains(warned.Warnings, w => w.Contains("memory_hotplug.auto_movable_ratio=50", StringComparison.Ordinal));

        await host.Client.ResizeAsync("vm", MiB(12288), host.Late);
        await host.UntilAsync("vm", "it is as large as it can be", v => v is { State: "settled" } && v.ActualBytes == MiB(256 + 8192));
        var sight = await vm.Eye.LookAsync(host.Late);
        Assert.True(sight.PluggedTarget <= MemorySize.FromGiB(8), $"{sight}");
        await vm.Load.WaitForAsync("the guest has accepted all of it", r => r.MemTotal >= MemorySize.FromMiB(8192), Deadline, host.Late);
        Assert.Equal(0, vm.Load.Last!.OomKills);
    }

    /// <summary>A QEMU that reaches its control group's limit is killed, whatever it is told: so the VM is never given that much.</summary>
    [ControlGroupFact]
    public async Task A_vm_in_a_limited_control_group_is_given_no_more_than_its_limit_and_lives()
    {
        await using var host = await StartAsync(memoryMiB: 4096);
        var vm = await host.CreateAsync(host.Request("vm", max: 3072));
        using var group = new ControlGroup(MemorySize.FromMiB(600));
        // QEMU is stopped, so that it takes no memory between the look at it and its move into the group.
        await host.SignalAsync(vm.Pid, "STOP");
        var resident = ProcessMemory.Pss(vm.Pid)!.Value;
        group.TakeIn(vm.Pid);
        await host.SignalAsync(vm.Pid, "CONT");
        await host.UntilAsync("vm", "its limit is seen", v => v.Warnings.Any(w => w.Contains("control group", StringComparison.Ordinal)));
        await host.Client.ResizeAsync("vm", MiB(3072), host.Late);
        var shown = await host.UntilAsync("vm", "it is as large as its group allows", v => v is { State: "settled" }
            && v.ActualBytes > MiB(500));

        // Memory that it had before it joined the group does not count there.
        var most = resident + MemorySize.FromMiB(600);
        Assert.True(shown.GrantedBytes + shown.OverheadBytes <= most.Bytes,
            $"it was granted {shown.GrantedBytes >> 20} MiB and costs {shown.OverheadBytes >> 20} beside, of {most}");

        // The guest uses all of that.
        var held = new MemorySize(shown.ActualBytes) - MemorySize.FromMiB(128);
        await vm.Load.HoldAsync(held, MemorySize.FromMiB(200), host.Late);
        await vm.Load.WaitForAsync("all that was given is used", r => r.Held == held, Deadline, host.Late);
        Assert.True(Runs(vm.Pid), "its group's limit has killed it");
        Assert.Equal((0, 0), (vm.Load.Last!.OomKills, vm.Load.Deaths));
    }

    [Fact]
    public async Task A_guest_with_nothing_left_is_saved_by_a_rescue_DIMM()
    {
        await using var host = await StartAsync(memoryMiB: 3072);
        var vm = await host.CreateAsync(host.Request("vm", min: 256, max: 256));
        var booted = vm.Load.Last!.MemTotal;

        // A VM at its max has no spark, and the daemon has nothing to give while the guest fills up.
        await BareGuest.FillAsync(vm.Load, MemorySize.FromMiB(3), host.Late);
        await host.Client.SetAsync("vm", new(null, MiB(2048), null), host.Late);
        await host.Client.ResizeAsync("vm", MiB(1024), host.Late);
        await vm.Load.WaitForAsync("the guest has room again", r => r.MemTotal >= booted + MemorySize.FromMiB(600), Deadline, host.Late);
        var sight = await vm.Eye.LookAsync(host.Late);
        Assert.Equal(MemorySize.FromMiB(384), sight.Base);
        Assert.Contains(await host.Client.EventsAsync(host.Late), e => e is { Kind: "rescued", Vm: "vm" });
        Assert.Equal((0, 0), (vm.Load.Last!.OomKills, vm.Load.Deaths));
        var shown = await host.UntilAsync("vm", "it counts as base", v => v.BaseBytes == MiB(384));
        Assert.True(shown.GrantedBytes >= shown.ActualBytes);
    }
}
