using System.Diagnostics;
using static Dmm.Testbed.Tests.RealHost;

namespace Dmm.Testbed.Tests;

/// <summary>A QEMU that somebody else started beside the daemon, with balloon, agent, load, and two control sockets.</summary>
internal sealed class ForeignGuest : IAsyncDisposable
{
    private readonly Process _process;

    private ForeignGuest(Process process, string socket, string second) => (_process, Socket, Second) = (process, socket, second);

    public int Pid => _process.Id;

    /// <summary>A QMP socket of the process; <see cref="Second"/> is another one.</summary>
    public string Socket { get; }

    public string Second { get; }

    /// <param name="memory">QEMU's <c>-m</c>.</param>
    /// <param name="group">The control group in which it starts, so that all memory that it takes counts there.</param>
    public static async Task<ForeignGuest> StartAsync(RealHost host, string name, string memory, string[] more, ControlGroup? group = null)
    {
        string At(string end) => host.Daemon.Folder.In($"{name}.{end}");
        string[] qemu =
        [
            "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,tb-size=64", "-cpu", "max,-erms", "-m", memory,
            "-nodefaults", "-display", "none",
            "-kernel", host.Image.Kernel, "-initrd", host.Image.Initrd, "-append", BareGuest.Usual,
            "-device", "virtio-balloon-pci", "-device", "virtio-serial-pci",
            "-chardev", $"socket,id=ga,path={At("agent")},server=on,wait=off", "-device", "virtserialport,chardev=ga,name=org.dmm.guest.0",
            "-qmp", $"unix:{At("qmp")},server=on,wait=off", "-qmp", $"unix:{At("eye")},server=on,wait=off", .. more,
        ];
        var start = group is null ? new ProcessStartInfo(qemu[0], qemu[1..])
            : new("sh", ["-c", $"echo $$ > {group.Members} && exec \"$@\"", "sh", .. qemu]);
        // QEMU prints a line for each page that it can't release.
        start.RedirectStandardError = true;
        var process = Process.Start(start)!;
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        var guest = new ForeignGuest(process, At("qmp"), At("eye"));
        await Wait.UntilAsync("QEMU listens", () => Task.FromResult(File.Exists(guest.Second) || process.HasExited), Deadline, host.Late);
        Assert.False(process.HasExited, "QEMU did not start");
        return guest;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
