using System.Globalization;
using Dmm.Files;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>How real QEMUs run that the daemon has launched: their session, filter, user and score.</summary>
public sealed class LaunchStories
{
    [Fact]
    public async Task A_vm_outlives_its_daemon_in_a_session_of_its_own_with_a_full_filter_and_leaves_nothing_when_it_ends()
    {
        await using var host = await StartAsync(memoryMiB: 2048);
        var guest = await host.CreateAsync(host.Request("vm", max: 512));

        Assert.Equal($"{guest.Pid}", Stat(guest.Pid, 3));
        Assert.Equal("0", Stat(guest.Pid, 4));
        var status = await File.ReadAllLinesAsync($"/proc/{guest.Pid}/status", host.Late);
        Assert.Contains("Seccomp:\t2", status);
        Assert.Contains("NoNewPrivs:\t1", status);
        Assert.Equal("400", (await File.ReadAllTextAsync($"/proc/{guest.Pid}/oom_score_adj", host.Late)).Trim());

        await host.Daemon.KillAsync();
        Assert.True(Runs(guest.Pid));
        await host.Daemon.StartAsync(host.Late);
        await host.UntilAsync("vm", "the next daemon has found it", v => v.State == "settled" && v.Pid == guest.Pid);
        // A device, an object and a thread are added under the filter: max is beyond the device that it was launched with.
        var max = 20L * 1024;
        await host.Client.SetAsync("vm", new(null, MiB(max), null), host.Late);
        await host.Client.ResizeAsync("vm", MiB(640), host.Late);
        await host.UntilAsync("vm", "it has grown under the filter", v => Arrived(v, 640));

        var (code, error) = await host.DmmAsync("vm", "stop", "vm", "--grace", "60s", "--wait");
        Assert.True(code == 0, error);
        Assert.False(Runs(guest.Pid));
    }

    [Fact]
    public async Task The_daemon_that_launched_a_vm_leaves_no_zombie_of_it()
    {
        await using var host = await StartAsync(memoryMiB: 1024);
        var guest = await host.CreateAsync(host.Request("vm", max: 256));
        var (code, error) = await host.DmmAsync("vm", "stop", "vm", "--kill", "--wait");
        Assert.True(code == 0, error);
        await Wait.UntilAsync(
            "the daemon has waited for its child", () => Task.FromResult(!Directory.Exists($"/proc/{guest.Pid}")), Deadline, host.Late);
    }

    [RootFact]
    public async Task A_vm_of_another_user_boots_grows_and_is_found_by_the_next_daemon()
    {
        var nobody = Accounts.Named("nobody")!;
        await using var host = await StartAsync(memoryMiB: 2048, more: "qemu.user = nobody");
        var request = host.Request("vm", max: 1024) with { Channels = [] };

        // Beforehand it is said that the user can't come to the VM's sockets.
        var (code, error) = await host.DmmAsync(
            "vm", "create", "vm", "--min", "128M", "--boot", "256M", "--max", "1G", "--kernel", request.Kernel!, "--initrd",
            request.Initrd!);
        Assert.NotEqual(0, code);
        Assert.Contains("QEMU runs as user 'nobody' (dmm.qemu.user), and it may not pass through", error, StringComparison.Ordinal);
        foreach (var folder in (string[])[host.Daemon.Folder.Path, host.Daemon.Folder.In("state")])
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.OtherExecute);

        await host.Client.CreateAsync(request, host.Late);
        var vm = await host.UntilAsync("vm", "it is up", v => v is { State: "settled", Guest.MemTotalBytes: not null });
        var pid = vm.Pid!.Value;
        var user = nobody.User.ToString(CultureInfo.InvariantCulture);
        Assert.Contains($"Uid:\t{user}\t{user}\t{user}\t{user}", await File.ReadAllLinesAsync($"/proc/{pid}/status", host.Late));
        Assert.Equal(nobody.User, FileOwner.At(vm.OperatorQmp!)!.Value.User);
        await host.Client.ResizeAsync("vm", MiB(512), host.Late);
        await host.UntilAsync("vm", "it has grown", v => Arrived(v, 512));

        await host.Daemon.KillAsync();
        await host.Daemon.StartAsync(host.Late);
        await host.UntilAsync("vm", "the next daemon has found it", v => v.State == "settled" && v.Pid == pid);
        await host.Client.ResizeAsync("vm", MiB(384), host.Late);
        await host.UntilAsync("vm", "it has shrunk", v => Arrived(v, 384));
        (code, error) = await host.DmmAsync("vm", "stop", "vm", "--grace", "60s", "--wait");
        Assert.True(code == 0, error);
        Assert.False(Directory.Exists(Path.GetDirectoryName(vm.OperatorQmp)));
    }

    /// <summary>A field of <c>/proc/PID/stat</c>, counted from the state (0): 3 is the session, 4 the terminal.</summary>
    private static string Stat(int pid, int field)
    {
        var text = File.ReadAllText($"/proc/{pid}/stat");
        return text[(text.LastIndexOf(')') + 2)..].Split(' ')[field];
    }
}

/// <summary>A test that starts programs as another user, which only root may.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() =>
        Skip = Environment.IsPrivilegedProcess ? null : "only root can start a VM as another user";
}
