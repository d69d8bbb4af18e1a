using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>
/// A guest that is reset owns all that it booted with from that moment on, whatever QEMU shows of its balloon: the figure stands until the
/// guest's driver writes another.
/// </summary>
public sealed class ResetStories
{
    [Fact]
    public async Task A_guest_that_is_reset_claims_what_it_booted_with_and_its_balloons_figure_is_healed()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        await using var guest = await ForeignGuest.StartAsync(host, "r", "512M", []);
        await SqueezedAsync(host, guest, 230);
        await using var eye = await QemuEye.OpenAsync(guest.Second, host.Late);

        await eye.TellAsync("system_reset", null, host.Late);
        var boots = await host.UntilAsync("r", "its reset is seen", v => v.Why?.Contains("was reset", StringComparison.Ordinal) == true);
        Assert.Equal((MiB(512), "booting"), (boots.ActualBytes, boots.State));
        await host.Client.ResizeAsync("r", MiB(512), host.Late);
        await host.UntilAsync("r", "it is heard again, and stands at its target", v => v is { State: "settled", Agent: "agent" }
            && v.ActualBytes >= MiB(510));
        await Wait.UntilAsync(
            "QEMU's figure is true again",
            async () => (await eye.LookAsync(host.Late)).Ballooned <= MemorySize.FromMiB(2),
            Deadline, host.Late);

        // What it can do from there on it does.
        await host.Client.ResizeAsync("r", MiB(300), host.Late);
        await host.UntilAsync("r", "it shrinks", v => Arrived(v, 300));
        Assert.Contains(await host.Client.EventsAsync(host.Late), e => e is { Kind: "guestReset", Vm: "r" });
    }

    /// <summary>Its balloon has no deflate-on-oom: a target that stood would take from its boot, whose kernel would panic.</summary>
    [Fact]
    public async Task A_squeezed_guest_reboots_on_a_full_host_and_lives()
    {
        await using var host = await StartAsync(memoryMiB: 1100);
        var channel = host.Daemon.Folder.In("s.load");
        await using var guest = await ForeignGuest.StartAsync(
            host, "s", "512M",
            [
                "-chardev", $"socket,id=load,path={channel},server=on,wait=off",
                "-device", $"virtserialport,chardev=load,name={LoadClient.Port}",
            ]);
        await SqueezedAsync(host, guest, 200);
        await using var load = await LoadClient.ConnectAsync("s", channel, host.Late);
        var before = await load.WaitForAsync("it is up", _ => true, Deadline, host.Late);
        var peer = await host.CreateAsync(host.Request("peer"));
        await host.Client.ResizeAsync("peer", MiB(690), host.Late);
        // How much that is depends on what the two QEMUs cost.
        await host.UntilAsync("peer", "it has the rest of the host", v => v is { State: "settled" } && v.ActualBytes >= MiB(600));
        await using var eye = await QemuEye.OpenAsync(guest.Second, host.Late);

        await eye.TellAsync("system_reset", null, host.Late);
        await host.UntilAsync("s", "its reset is seen", v => v.ActualBytes >= MiB(510));
        await host.Client.ResizeAsync("s", null, host.Late);
        await load.WaitForAsync("it is up again", r => r.UptimeMs < before.UptimeMs && r.HeldKib == 0, Deadline, host.Late);
        var held = MemorySize.FromMiB(250);
        await load.HoldAsync(held, null, host.Late);
        await load.WaitForAsync("it has started its programs again", r => r.Held == held, Deadline, host.Late);
        await host.UntilAsync("s", "it is heard again", v => v is { State: "settled", Agent: "agent" });
        await Wait.UntilAsync(
            "its peer has made room", async () => (await host.Client.HostAsync(host.Late)).DeficitBytes == 0, Deadline, host.Late);
        await load.ReportAsync(host.Late);
        Assert.Equal((0, 0), (load.Last!.OomKills, load.Deaths));
        await peer.Load.ReportAsync(host.Late);
        Assert.Equal((0, 0), (peer.Load.Last!.OomKills, peer.Load.Deaths));
    }

    private static async Task SqueezedAsync(RealHost host, ForeignGuest guest, long mib)
    {
        var name = Path.GetFileNameWithoutExtension(guest.Socket);
        await host.Client.AdoptAsync(name, new(guest.Socket, MiB(128), MiB(512), null), host.Late);
        await host.UntilAsync(name, "its agent reports", v => v is { State: "settled", Agent: "agent" });
        await host.Client.ResizeAsync(name, MiB(mib), host.Late);
        await host.UntilAsync(name, "it is squeezed", v => Arrived(v, mib));
    }
}
