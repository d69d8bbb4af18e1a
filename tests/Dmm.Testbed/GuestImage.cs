using System.ComponentModel;
using System.Diagnostics;

namespace Dmm.Testbed;

/// <summary>The tiny guest of native/testbed: a kernel, and an initial RAM disk with the agent and the load generator.</summary>
public sealed record GuestImage(string Kernel, string Initrd)
{
    private static readonly TimeSpan BuildDeadline = TimeSpan.FromMinutes(10);

    /// <summary>Builds the image if it is missing or older than its sources; otherwise returns at once.</summary>
    /// <param name="say">Gets the script's output, line by line.</param>
    /// <exception cref="TestbedException">The image can't be built; the message is the script's own.</exception>
    public static async Task<GuestImage> EnsureAsync(Action<string> say, CancellationToken cancellation)
    {
        var folder = Repository.PathOf("build", "guest");
        var script = Repository.PathOf("native", "testbed", "build-guest-image.sh");
        var start = new ProcessStartInfo("bash", [script, folder]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = new Process { StartInfo = start };
        var errors = new List<string>();
        process.OutputDataReceived += (_, line) => Tell(line.Data, say);
        process.ErrorDataReceived += (_, line) => Tell(line.Data, errors.Add);
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new TestbedException($"bash can't be started: {e.Message}", e);
        }

        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        late.CancelAfter(BuildDeadline);
        try
        {
            await process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellation.ThrowIfCancellationRequested();
            throw new TestbedException($"the guest image was not built within {BuildDeadline.TotalMinutes:0} minutes");
        }

        return process.ExitCode == 0
            ? new(Path.Combine(folder, "vmlinuz"), Path.Combine(folder, "guest.cpio.gz"))
            : throw new TestbedException(errors.LastOrDefault() ?? $"{script} ended with code {process.ExitCode}");
    }

    private static void Tell(string? line, Action<string> to)
    {
        if (!string.IsNullOrWhiteSpace(line))
            to(line);
    }
}
