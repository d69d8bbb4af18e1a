using Dmm.Contracts;
using Dmm.Hypervisors.Qemu;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>
/// A host whose time of day is set while real guests run: forward and back, by minutes and hours. libfaketime shows another time to the
/// daemon, but not to QEMU; it leaves the monotonic clock unchanged.
/// </summary>
public sealed class ClockStories : IDisposable
{
    private const string Library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dmm-clock-");

    private string Offset => Path.Combine(_folder.FullName, "offset");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task When_the_clock_is_set_back_memory_still_moves_vms_come_and_return_and_reasons_are_told()
    {
        await using var host = await StartAsync(memoryMiB: 1408);
        foreach (var name in new[] { "a", "b" })
            await host.CreateAsync(host.Request(name, boot: 384, max: 512) with { Restart = "always" });
        await host.Client.ResizeAsync("b", MiB(440), host.Late);
        await host.UntilAsync("b", "it has grown", vm => vm.ActualBytes == MiB(440));

        Set("-2h");

        await host.Client.ResizeAsync("a", MiB(200), host.Late);
        await host.UntilAsync("a", "it has shrunk", vm => vm is { State: "settled", ActualBytes: var actual } && actual == MiB(200));
        await host.Client.ResizeAsync("b", MiB(300), host.Late);
        await host.UntilAsync("b", "it has shrunk", vm => vm is { State: "settled", ActualBytes: var actual } && actual == MiB(300));
        await host.Client.ResizeAsync("a", null, host.Late);
        await host.Client.ResizeAsync("b", null, host.Late);
        Assert.Equal((0, ""), await host.DmmAsync("vm", "explain", "a"));
        var (code, error) = await host.DmmAsync(
            "vm", "create", "c", "--min", "128M", "--boot", "640M", "--max", "768M", "--kernel", host.Image.Kernel, "--initrd",
            host.Image.Initrd, "--wait");
        Assert.True(code == 0, error);

        var pid = (await host.Client.VmAsync("b", host.Late)).Pid!.Value;
        HostProcess.Find(pid)!.Kill();
        await host.UntilAsync("b", "it is to return", vm => vm.Pid != pid);
        Set("-4h");
        await host.UntilAsync("b", "it is back", vm => vm is { State: "settled" or "growing" or "shrinking", Pid: { } other }
            && other != pid);
    }

    [Fact]
    public async Task A_guest_in_whose_first_boot_the_clock_is_set_forward_boots()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        await host.Client.CreateAsync(host.Request("v", max: 512) with { Restart = "always" }, host.Late);
        await Wait.UntilAsync(
            "it is launched", async () => (await EventsAsync(host)).Any(e => e.Kind == "vmLaunched"), Deadline, host.Late,
            pause: TimeSpan.FromMilliseconds(20));

        Set("+10m");

        await host.MeetAsync("v");
        Assert.DoesNotContain(await EventsAsync(host), e => e.Kind is "bootFailed" or "vmEnded" or "vmReturns");
        Assert.True((await EventsAsync(host)).Last().At > DateTimeOffset.UtcNow.AddMinutes(9),
            "the daemon was not shown another time: this story tried nothing");
    }

    private static Task<EventView[]> EventsAsync(RealHost host) => host.Client.EventsAsync(host.Late);

    private void Set(string offset) => File.WriteAllText(Offset, offset + "\n");

    private Task<RealHost> StartAsync(long memoryMiB)
    {
        Assert.True(File.Exists(Library), $"{Library} is missing; scripts/install-packages.sh test installs it");
        Set("+0");
        var qemu = Path.Combine(_folder.FullName, "qemu");
        File.WriteAllText(qemu, "#!/bin/sh\nunset LD_PRELOAD\nexec qemu-system-x86_64 \"$@\"\n");
        File.SetUnixFileMode(qemu, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return RealHost.StartAsync(memoryMiB, $"qemu.binary = \"{qemu}\"", environment: new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = Library,
            ["DONT_FAKE_MONOTONIC"] = "1",
            ["FAKETIME_NO_CACHE"] = "1",
            ["FAKETIME_TIMESTAMP_FILE"] = Offset,
        });
    }
}
