using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>Launches that fail, boots that never come, and stops, on real guests.</summary>
public sealed class EndStories
{
    [Fact]
    public async Task A_QEMU_that_will_not_start_says_why_and_its_peer_grows_again()
    {
        await using var host = await StartAsync(memoryMiB: 700);
        var peer = await host.CreateAsync(host.Request("peer", boot: 400, max: 512));
        var image = host.Daemon.Folder.In("bad.qcow2");
        await File.WriteAllBytesAsync(image, new byte[64 << 10], host.Late);

        var (code, error) = await host.DmmAsync(
            "vm", "create", "bad", "--min", "128M", "--boot", "256M", "--max", "256M", "--disk", image, "--disk-format", "qcow2", "--wait");

        Assert.Equal(1, code);
        Assert.Contains("Image is not in qcow2 format", error, StringComparison.Ordinal);
        var events = await host.Client.EventsAsync(host.Late);
        Assert.Contains(events, e => e is { Kind: "launchBegun", Vm: "bad" });
        Assert.Contains(events, e => e is { Kind: "admissionFailed", Vm: "bad" }
            && e.Text.Contains("Image is not in qcow2 format", StringComparison.Ordinal));
        Assert.Single(host.Daemon.Folder.FindVms());
        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).ReservationsBytes);
        var shrunk = (await peer.Eye.LookAsync(host.Late)).Actual;
        Assert.True(shrunk < MemorySize.FromMiB(400), $"the peer still had {shrunk}");
        await peer.Load.HoldAsync(MemorySize.FromMiB(250), Pace, host.Late);
        await host.UntilAsync("peer", "it has grown again", vm => vm.ActualBytes >= MiB(390));
        Assert.Equal(0, peer.Load.Last!.OomKills);
    }

    [Fact]
    public async Task A_guest_that_never_boots_is_ended_at_its_deadline_where_that_is_asked_for_and_its_memory_is_back()
    {
        await using var host = await StartAsync(memoryMiB: 1024, more: "vm { boot-deadline = 20s }");
        await host.Client.CreateAsync(
            host.Request("hangs") with { Append = $"{BareGuest.Usual} rdinit=/nowhere", BootCheck = "strict" }, host.Late);
        var running = await host.UntilAsync("hangs", "its process runs", vm => vm.Pid is not null);
        Assert.Equal("booting", running.State);
        await host.UntilGoneAsync("hangs");
        Assert.False(Runs(running.Pid!.Value));
        var view = await host.Client.HostAsync(host.Late);
        Assert.Equal((0, 0L, 0L), (view.Vms, view.ClaimsBytes, view.ReservationsBytes));
        var failed = Assert.Single(await host.Client.EventsAsync(host.Late), e => e is { Kind: "bootFailed", Vm: "hangs" });
        Assert.Contains("nothing was heard from its guest within 20 s", failed.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_that_powers_down_is_gone_and_one_that_does_not_runs_on_until_somebody_says_kill()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        await host.Client.CreateAsync(host.Request("polite"), host.Late);
        await host.Client.CreateAsync(host.Request("deaf") with { Append = $"{BareGuest.Usual} dmm.power=off" }, host.Late);
        var (polite, deaf) = (await host.MeetAsync("polite"), await host.MeetAsync("deaf"));

        var (code, _) = await host.DmmAsync("vm", "stop", "polite", "--grace", "60s", "--wait");
        Assert.Equal((0, false), (code, Runs(polite.Pid)));

        (code, var error) = await host.DmmAsync("vm", "stop", "deaf", "--grace", "3s", "--wait");
        Assert.Equal((1, true), (code, Runs(deaf.Pid)));
        Assert.Contains(
            "did not power down within 3 s and it runs on: 'dmm vm stop deaf --kill' ends its process", error, StringComparison.Ordinal);
        Assert.True((await host.Client.HostAsync(host.Late)).ClaimsBytes >= MiB(256));
        await deaf.Load.HoldAsync(MemorySize.FromMiB(20), null, host.Late);
        await deaf.Load.WaitForAsync("it works on", r => r.Held == MemorySize.FromMiB(20), Deadline, host.Late);

        (code, _) = await host.DmmAsync("vm", "stop", "deaf", "--kill", "--wait");
        Assert.Equal((0, false), (code, Runs(deaf.Pid)));
        Assert.Equal(0, (await host.Client.HostAsync(host.Late)).ClaimsBytes);
    }
}
