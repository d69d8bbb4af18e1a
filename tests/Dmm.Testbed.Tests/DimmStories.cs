using System.Diagnostics;
using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>A guest that the daemon plugs by whole DIMMs: at a given target, by its own need, and when it gives memory back.</summary>
public sealed class DimmStories
{
    [Fact]
    public async Task A_vm_with_DIMMs_alone_grows_by_whole_ones_as_its_load_does_and_gives_back_exactly()
    {
        await using var host = await StartAsync(memoryMiB: 4096);
        var (socket, load) = (host.Daemon.Folder.In("foreign.qmp"), host.Daemon.Folder.In("foreign.load"));
        using var qemu = host.Daemon.Folder.Start(() =>
        {
            var started = Process.Start("qemu-system-x86_64",
            [
                "-machine", "q35", "-accel", "tcg,tb-size=64", "-cpu", "max,-erms", "-m", "256M,slots=8,maxmem=4G",
                "-nodefaults", "-display", "none",
                "-kernel", host.Image.Kernel, "-initrd", host.Image.Initrd, "-append",
                $"{BareGuest.Usual} memhp_default_state=online_movable",
                "-device", "virtio-balloon-pci,deflate-on-oom=on", "-device", "virtio-serial-pci",
                "-chardev", $"socket,id=ga,path={host.Daemon.Folder.In("foreign.agent")},server=on,wait=off",
                "-device", "virtserialport,chardev=ga,name=org.dmm.guest.0",
                "-chardev", $"socket,id=load,path={load},server=on,wait=off", "-device",
                $"virtserialport,chardev=load,name={LoadClient.Port}",
                "-qmp", $"unix:{socket},server=on,wait=off",
            ]);
            return (started, started.Id);
        });
        await Wait.UntilAsync("QEMU listens", () => Task.FromResult(File.Exists(socket)), Deadline, host.Late);
        await host.Client.AdoptAsync("foreign", new(socket, MiB(128), MiB(3072), null), host.Late);
        await host.UntilAsync("foreign", "its agent reports", v => v is { State: "settled", Agent: "agent" });
        await using var client = await LoadClient.ConnectAsync("foreign", load, host.Late);

        // A target of a part of a DIMM gives the VM the whole DIMM, and the answer says so.
        var done = await host.Client.ResizeAsync("foreign", MiB(700), host.Late);
        Assert.Contains(done.Notes, n => n.Contains("whole blocks of 512 MiB", StringComparison.Ordinal));
        await host.UntilAsync("foreign", "it has one DIMM", v => v is { State: "settled" } && v.ActualBytes == MiB(768));

        // Without a target the VM gets another DIMM as soon as its load needs a part of it.
        await host.Client.ResizeAsync("foreign", null, host.Late);
        await client.HoldAsync(MemorySize.FromMiB(760), Pace, host.Late);
        await client.WaitForAsync("the load holds its memory", r => r.Held == MemorySize.FromMiB(760), Deadline, host.Late);
        await host.UntilAsync("foreign", "it has two", v => v.PluggedBytes >= MiB(1024));
        Assert.Equal((0, 0), (client.Last!.OomKills, client.Deaths));

        // The VM shrinks to any size: by DIMMs as far as possible, and by the balloon for the rest.
        await client.FreeAsync(host.Late);
        await host.Client.ResizeAsync("foreign", MiB(400), host.Late);
        await host.UntilAsync(
            "foreign", "it has given back, and its grant has followed",
            v => v is { State: "settled" } && v.ActualBytes <= MiB(402) && Math.Abs(v.GrantedBytes - v.ActualBytes) <= MiB(2));
    }
}
