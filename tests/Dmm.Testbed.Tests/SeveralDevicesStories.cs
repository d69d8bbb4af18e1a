using System.Diagnostics;
using Dmm.Core;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>
/// VMs with two virtio-mem devices: memory that one has yet to give is not taken by the other, and memory that one keeps does not
/// make sizes drift.
/// </summary>
public sealed class SeveralDevicesStories
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task A_vm_whose_devices_were_not_filled_in_order_is_adopted_as_it_is_and_never_has_more_than_it_was_granted()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        var folder = host.Daemon.Folder;
        using var qemu = Process.Start("qemu-system-x86_64",
        [
            "-machine", "q35", "-accel", "tcg,tb-size=64", "-cpu", "max,-erms", "-m", "256M,maxmem=8G", "-nodefaults", "-display", "none",
            "-kernel", host.Image.Kernel, "-initrd", host.Image.Initrd, "-append", $"{BareGuest.Usual} memhp_default_state=online_kernel",
            "-device", "virtio-balloon-pci,deflate-on-oom=on", "-device", "virtio-serial-pci",
            "-chardev", $"socket,id=ga,path={folder.In("agent")},server=on,wait=off", "-device",
            "virtserialport,chardev=ga,name=org.dmm.guest.0",
            "-chardev", $"socket,id=load,path={folder.In("load")},server=on,wait=off", "-device",
            $"virtserialport,chardev=load,name={LoadClient.Port}",
            "-object", "memory-backend-ram,id=mem0,size=1G,reserve=off", "-device", "virtio-mem-pci,id=vm0,memdev=mem0,requested-size=0",
            "-object", "memory-backend-ram,id=mem1,size=1G,reserve=off", "-device", "virtio-mem-pci,id=vm1,memdev=mem1,requested-size=512M",
            "-qmp", $"unix:{folder.In("qmp")},server=on,wait=off", "-qmp", $"unix:{folder.In("eye")},server=on,wait=off",
        ]);
        try
        {
            await Wait.UntilAsync("QEMU listens", () => Task.FromResult(File.Exists(folder.In("eye"))), Deadline, host.Late);
            await using var eye = await QemuEye.OpenAsync(folder.In("eye"), host.Late);
            await using var load = await LoadClient.ConnectAsync("two", folder.In("load"), host.Late);
            await load.ReportAsync(host.Late);
            await load.WaitForAsync("it has its second device's memory", r => r.MemTotal >= MemorySize.FromMiB(600), Deadline, host.Late);
            await HoldAsync(host, load, 500);
            using var watching = new CancellationTokenSource();
            var watch = WatchAsync(eye, watching.Token);

            await host.Client.AdoptAsync("two", new(folder.In("qmp"), MiB(128), MiB(1024), null), host.Late);
            await host.UntilAsync("two", "it is at rest", v => v is { State: "settled", Guest.MemTotalBytes: not null }
                && v.ActualBytes == MiB(768));
            await host.Client.ResizeAsync("two", MiB(768), host.Late);
            await host.UntilAsync("two", "it stays", v => v is { State: "settled" } && v.ActualBytes == MiB(768));
            await HoldAsync(host, load, 300);
            await host.Client.ResizeAsync("two", MiB(512), host.Late);
            await host.UntilAsync("two", "it has shrunk", v => v is { State: "settled" } && v.ActualBytes <= MiB(514));
            await host.Client.ResizeAsync("two", MiB(768), host.Late);
            await host.UntilAsync("two", "it has grown", v => v is { State: "settled" } && v.ActualBytes >= MiB(766));

            await watching.CancelAsync();
            var most = await watch;
            Assert.True(most <= MemorySize.FromMiB(768), $"it had {most} and was granted 768 MiB");
            await AtRestAsync(host, eye);
            await host.Client.ForgetAsync("two", host.Late);
        }
        finally
        {
            qemu.Kill();
            await qemu.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task A_vm_whose_further_device_keeps_a_few_MiB_comes_to_rest()
    {
        await using var host = await StartAsync(memoryMiB: 4096, more: "qemu { hotplug-room = 256MiB }");
        var vm = await host.CreateAsync(host.Request("vm", max: 512));
        await host.Client.SetAsync("vm", new(null, MiB(2048), null), host.Late);
        await host.Client.ResizeAsync("vm", MiB(1700), host.Late);
        await host.UntilAsync("vm", "it has grown into a further device", v => v is { State: "settled" } && v.ActualBytes == MiB(1700));
        await HoldAsync(host, vm.Load, 1200);
        await HoldAsync(host, vm.Load, 200);

        await host.Client.ResizeAsync("vm", MiB(420), host.Late);
        await host.UntilAsync("vm", "it has shrunk", v => v is { State: "settled" } && v.ActualBytes <= MiB(422));

        var sight = await AtRestAsync(host, vm.Eye);
        Assert.Equal((2, MemorySize.Zero), (sight.Devices, sight.PluggedMost - sight.Plugged));
        Assert.True(sight.Ballooned <= MemorySize.FromMiB(64), $"{sight}");
        Assert.Equal("settled", (await host.Client.VmAsync("vm", host.Late)).State);
        // The VM goes on from there.
        await host.Client.ResizeAsync("vm", MiB(900), host.Late);
        await host.UntilAsync("vm", "it grows", v => v is { State: "settled" } && v.ActualBytes == MiB(900));
        Assert.Equal(0, vm.Load.Last!.OomKills);
    }

    private static async Task HoldAsync(RealHost host, LoadClient load, long mib)
    {
        await load.HoldAsync(MemorySize.FromMiB(mib), MemorySize.FromMiB(400), host.Late);
        await load.WaitForAsync($"the load holds {mib} MiB", r => r.Held == MemorySize.FromMiB(mib), Deadline, host.Late);
    }

    /// <summary>Waits until QEMU shows the same sizes and targets for a while; a VM whose sizes drift never reaches that.</summary>
    private static async Task<QemuSight> AtRestAsync(RealHost host, QemuEye eye)
    {
        var (last, since) = (await eye.LookAsync(host.Late), Stopwatch.StartNew());
        await Wait.UntilAsync("nothing is asked of it any more", async () =>
        {
            var sight = await eye.LookAsync(host.Late);
            if (sight != last)
                (last, since) = (sight, Stopwatch.StartNew());
            return since.Elapsed >= Rest;
        }, Deadline, host.Late, () => $"{last}");
        return last;
    }

    private static async Task<MemorySize> WatchAsync(QemuEye eye, CancellationToken end)
    {
        var most = MemorySize.Zero;
        while (!end.IsCancellationRequested)
        {
            most = MemorySize.Max(most, (await eye.LookAsync(CancellationToken.None)).Actual);
            await Task.Delay(20, CancellationToken.None);
        }

        return most;
    }
}
