using Dmm.Core;
using Dmm.Hypervisors.Qemu;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>The daemon is killed with -9; the VMs run on, and the next daemon continues where it was.</summary>
public sealed class RecoveryStories
{
    [Fact]
    public async Task A_daemon_killed_in_the_middle_of_a_resize_leaves_it_to_the_next_one()
    {
        await using var host = await StartAsync(memoryMiB: 6144);
        var vm = await host.CreateAsync(host.Request("vm", max: 4096));
        foreach (var size in new[] { 3072L, 512L })
        {
            await host.Client.ResizeAsync("vm", MiB(size), host.Late);
            await host.Daemon.KillAsync();
            Assert.True(Runs(vm.Pid), "the VM died with its daemon");
            await host.Daemon.StartAsync(host.Late);
            var (done, _) = await host.UntilAgreedAsync(vm, "the next daemon has finished it", v => v is { State: "settled" }
                && Math.Abs(v.ActualBytes - MiB(size)) <= MiB(2));
            Assert.Equal(vm.Pid, done.Pid);
        }

        await vm.Load.ReportAsync(host.Late);
        Assert.Equal(0, vm.Load.Last!.OomKills);
    }

    [Fact]
    public async Task A_daemon_killed_while_a_vm_is_launched_finds_it()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        await host.Client.CreateAsync(host.Request("vm"), host.Late);
        await Wait.UntilAsync(
            "QEMU has been started", () => Task.FromResult(host.Daemon.Folder.FindVms().Count > 0), Deadline, host.Late,
            pause: TimeSpan.FromMilliseconds(2));
        await host.Daemon.KillAsync();

        await host.Daemon.StartAsync(host.Late);
        var vm = await host.MeetAsync("vm");
        Assert.Equal([vm.Pid], host.Daemon.Folder.FindVms().Select(p => p.Pid));
        var shown = await host.Client.HostAsync(host.Late);
        Assert.Equal(0, shown.ReservationsBytes);
    }

    [Fact]
    public async Task A_vm_that_died_meanwhile_is_found_and_its_claim_released()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        var vm = await host.CreateAsync(host.Request("vm"));
        await host.Daemon.KillAsync();
        HostProcess.Find(vm.Pid)!.Kill();
        await Wait.UntilAsync("QEMU is gone", () => Task.FromResult(!Runs(vm.Pid)), Deadline, host.Late);

        await host.Daemon.StartAsync(host.Late);
        await host.UntilGoneAsync("vm");
        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).ClaimsBytes);
        Assert.Contains(await host.Client.EventsAsync(host.Late), e => e.Kind == "vmEnded" && e.Vm == "vm");
    }

    [Fact]
    public async Task A_vm_that_dies_under_the_daemons_eyes_gives_its_claim_back()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        var vm = await host.CreateAsync(host.Request("vm"));
        HostProcess.Find(vm.Pid)!.Kill();
        await host.UntilGoneAsync("vm");
        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).ClaimsBytes);
    }

    [Fact]
    public async Task A_stopped_vm_powers_down_and_a_forgotten_one_runs_on()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        var (stopped, forgotten) = (await host.CreateAsync(host.Request("stopped")), await host.CreateAsync(host.Request("forgotten")));
        await host.Client.StopAsync("stopped", TimeSpan.FromSeconds(60), host.Late);
        await host.UntilGoneAsync("stopped");
        Assert.False(Runs(stopped.Pid));
        Assert.Contains(await host.Client.EventsAsync(host.Late), e => e is { Kind: "vmEnded", Vm: "stopped" }
            && e.Text.Contains("shut down", StringComparison.Ordinal));

        await host.Client.ForgetAsync("forgotten", host.Late);
        await host.UntilGoneAsync("forgotten");
        Assert.True(Runs(forgotten.Pid));
        await forgotten.Load.HoldAsync(MemorySize.FromMiB(20), null, host.Late);
        await forgotten.Load.WaitForAsync("it works on", r => r.Held == MemorySize.FromMiB(20), Deadline, host.Late);
    }
}
