using System.Diagnostics;
using Dmm.Hypervisors.Qemu;

namespace Dmm.Benchmarks.Figures;

/// <summary>The machine and the QEMU that ran the measured guests: without them a figure means nothing.</summary>
internal sealed record QemuMachine(DateTimeOffset At, string Qemu, Machine Host)
{
    public static async Task<QemuMachine> LookAsync(CancellationToken cancellation)
    {
        var settings = new QemuSettings { StateDirectory = "/nonexistent" };
        using var process = Process.Start(new ProcessStartInfo(settings.Binary, ["--version"]) { RedirectStandardOutput = true })
            ?? throw new IOException($"{settings.Binary} can't be started");
        var version = (await process.StandardOutput.ReadToEndAsync(cancellation)).Split('\n')[0];
        await process.WaitForExitAsync(cancellation);
        return new(DateTimeOffset.UtcNow, version, Machine.Read());
    }
}
