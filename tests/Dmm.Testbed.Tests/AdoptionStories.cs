using System.Diagnostics;
using Dmm.Contracts;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>VMs that somebody else started, and VMs that can't be launched.</summary>
public sealed class AdoptionStories
{
    [Fact]
    public async Task A_foreign_vm_is_adopted_and_what_it_lacks_is_said()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        var socket = host.Daemon.Folder.In("foreign.qmp");
        var qemu = Process.Start("qemu-system-x86_64",
        [
            "-machine", "q35", "-accel", "tcg,tb-size=64", "-cpu", "max,-erms", "-m", "256M", "-nodefaults", "-display", "none",
            "-kernel", host.Image.Kernel, "-initrd", host.Image.Initrd, "-append", BareGuest.Usual,
            "-device", "virtio-balloon-pci", "-qmp", $"unix:{socket},server=on,wait=off",
        ]);
        try
        {
            await Wait.UntilAsync("QEMU listens", () => Task.FromResult(File.Exists(socket)), Deadline, host.Late);
            await host.Client.AdoptAsync("foreign", new(socket, MiB(128), MiB(1024), null), host.Late);
            var vm = await host.UntilAsync("foreign", "its balloon reports", v => v is { State: "settled", Agent: "balloonStatistics" });
            Assert.True(vm.Adopted);
            Assert.Equal(MiB(256), vm.StaticMaxBytes);
            Assert.Contains(vm.Warnings, w => w.Contains("virtio-mem", StringComparison.Ordinal));
            Assert.Equal(qemu.Id, vm.Pid);

            await host.Client.ResizeAsync("foreign", MiB(176), host.Late);
            await host.UntilAsync("foreign", "its balloon holds back", v => v.BalloonedBytes >= MiB(76));
            await host.Daemon.KillAsync();
            await host.Daemon.StartAsync(host.Late);
            await host.UntilAsync("foreign", "the next daemon takes it up", v => v is { State: "settled" } && v.ActualBytes <= MiB(180));
            await host.Client.ForgetAsync("foreign", host.Late);
            Assert.False(qemu.HasExited);
        }
        finally
        {
            qemu.Kill();
            await qemu.WaitForExitAsync();
            qemu.Dispose();
        }
    }

    /// <summary>
    /// This holds for each of its control sockets, and for any link to them: otherwise two actors would control one balloon, and its
    /// memory would be claimed twice.
    /// </summary>
    [Fact]
    public async Task One_process_is_governed_under_one_name()
    {
        await using var host = await StartAsync(memoryMiB: 4096);
        var own = await host.CreateAsync(host.Request("own"));
        await using var foreign = await ForeignGuest.StartAsync(host, "foreign", "256M", []);
        await host.Client.AdoptAsync("f1", new(foreign.Socket, MiB(128), MiB(256), null), host.Late);
        var claims = (await host.Client.HostAsync(host.Late)).ClaimsBytes;
        var link = host.Daemon.Folder.In("link.qmp");
        File.CreateSymbolicLink(link, foreign.Second);

        await RefusedAsync(foreign.Second, foreign.Pid, "f1");
        await RefusedAsync(link, foreign.Pid, "f1");
        var shown = await host.Client.VmAsync("own", host.Late);
        await own.Eye.DisposeAsync();
        await RefusedAsync(shown.OperatorQmp!, own.Pid, "own");
        Assert.Equal(2, (await host.Client.VmsAsync(host.Late)).Length);
        Assert.True((await host.Client.HostAsync(host.Late)).ClaimsBytes < claims + MiB(128), "what it holds is claimed twice");

        async Task RefusedAsync(string socket, int pid, string name)
        {
            var refused =
                await Assert.ThrowsAsync<TestbedException>(
                    () => host.Client.AdoptAsync("twice", new(socket, MiB(128), MiB(256), null), host.Late));
            Assert.Contains($"process {pid} is governed as {name} already", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_vm_that_can_not_be_launched_is_refused_in_qemus_own_words_and_leaves_nothing_behind()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        var garbage = host.Daemon.Folder.In("garbage");
        await File.WriteAllTextAsync(garbage, "no kernel", host.Late);
        await host.Client.CreateAsync(host.Request("bad") with { Kernel = garbage, Initrd = null }, host.Late);
        EventView? failed = null;
        await Wait.UntilAsync(
            "the failure is told",
            async () => (failed = (await host.Client.EventsAsync(host.Late))
                .FirstOrDefault(e => e is { Kind: "admissionFailed", Vm: "bad" })) is not null,
            Deadline, host.Late);
        Assert.Contains("qemu", failed!.Text, StringComparison.OrdinalIgnoreCase);
        var shown = await host.Client.HostAsync(host.Late);
        Assert.Equal((0L, 0L), (shown.ClaimsBytes, shown.ReservationsBytes));
        Assert.Empty(host.Daemon.Folder.FindVms());
        await host.CreateAsync(host.Request("bad"));
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("file")]
    public async Task A_socket_that_is_no_qmp_is_refused_in_one_line(string kind)
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        var path = host.Daemon.Folder.In(kind);
        if (kind == "file")
            await File.WriteAllTextAsync(path, "", host.Late);
        var refused =
            await Assert.ThrowsAsync<TestbedException>(() => host.Client.AdoptAsync("x", new(path, MiB(128), MiB(256), null), host.Late));
        Assert.Contains(path, refused.Message);
        Assert.DoesNotContain('\n', refused.Message);
        Assert.Empty(await host.Client.VmsAsync(host.Late));
    }
}
