using System.Diagnostics;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>A real QEMU that is reached through another process.</summary>
public sealed class IdentityStories
{
    [Fact]
    public async Task A_proxy_is_not_taken_for_the_vm_whether_it_dies_or_the_vm_is_to_end()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        var (socket, front) = (host.Daemon.Folder.In("q"), host.Daemon.Folder.In("front"));
        using var qemu = Process.Start("qemu-system-x86_64",
        [
            "-machine", "q35", "-accel", "tcg,tb-size=64", "-cpu", "max,-erms", "-m", "256M", "-nodefaults", "-display", "none",
            "-kernel", host.Image.Kernel, "-initrd", host.Image.Initrd, "-append", BareGuest.Usual,
            "-device", "virtio-balloon-pci", "-qmp", $"unix:{socket},server=on,wait=off",
        ]);
        var proxy = Proxy();
        try
        {
            await Wait.UntilAsync("both listen", () => Task.FromResult(File.Exists(socket) && File.Exists(front)), Deadline, host.Late);
            await host.Client.AdoptAsync("theirs", new(front, MiB(128), MiB(256), null), host.Late);
            var vm = await host.UntilAsync("theirs", "it is in hand", v => v.State == "settled");
            Assert.Equal(qemu.Id, vm.Pid);
            var claims = (await host.Client.HostAsync(host.Late)).ClaimsBytes;

            proxy.Kill(entireProcessTree: true);
            await proxy.WaitForExitAsync(host.Late);
            await host.UntilAsync("theirs", "it is lost", v => v.State == "lost");
            await host.Daemon.KillAsync();
            await host.Daemon.StartAsync(host.Late);
            await host.UntilAsync("theirs", "it is lost to the next daemon", v => v.State == "lost");
            Assert.False(qemu.HasExited);
            Assert.True((await host.Client.HostAsync(host.Late)).ClaimsBytes >= MiB(256), $"the claim was {claims} and is let go of");

            proxy.Dispose();
            File.Delete(front);
            proxy = Proxy();
            await host.UntilAsync("theirs", "it is in hand again", v => v.State == "settled");
            // QEMU is stopped, so it gets no command any more.
            await host.SignalAsync(qemu.Id, "STOP");
            var (code, error) = await host.DmmAsync("vm", "stop", "theirs", "--kill", "--wait");
            Assert.True(code == 0, error);
            Assert.False(Runs(qemu.Id));
            Assert.False(proxy.HasExited);
            Assert.Equal(0, (await host.Client.HostAsync(host.Late)).ClaimsBytes);
        }
        finally
        {
            proxy.Kill(entireProcessTree: true);
            qemu.Kill();
            await qemu.WaitForExitAsync();
            proxy.Dispose();
        }

        Process Proxy() => Process.Start("socat", [$"UNIX-LISTEN:{front},fork", $"UNIX-CONNECT:{socket}"]);
    }

    [Fact]
    public async Task A_vm_that_does_not_answer_can_be_ended()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        var vm = await host.CreateAsync(host.Request("wedged"));
        await host.SignalAsync(vm.Pid, "STOP");
        await host.UntilAsync("wedged", "it is lost", v => v.State == "lost");
        var (code, error) = await host.DmmAsync("vm", "stop", "wedged", "--kill", "--wait");
        Assert.True(code == 0, error);
        Assert.False(Runs(vm.Pid));
        Assert.Empty(host.Daemon.Folder.FindVms());
    }
}
