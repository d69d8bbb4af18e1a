using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Connection;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// Starts QEMU so that it outlives the daemon. QEMU daemonizes itself (own session, no terminal, its descriptors on /dev/null), and its
/// first process ends only when the VM is set up; if that fails, QEMU's own message is on stderr. A failed launch leaves nothing behind:
/// no process, no socket, no folder.
/// </summary>
internal sealed class QemuLauncher(QemuSettings settings, TimeProvider time, Action<string> log)
{
    private const int MaxWords = 4096;
    private const int MaxReasonLength = 600;

    public async Task<VmHandle> LaunchAsync(VmSpec spec, VmFolder folder, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        if (FindRunning(folder) is { } running)
            throw new HypervisorException($"a VM named '{spec.Id}' already runs here (pid {running.Pid}, folder {folder.Path})");
        try
        {
            folder.Remove();
            folder.Create(spec.Channels);
            await StartAsync(spec, arguments, cancellation).ConfigureAwait(false);
            var process = folder.ReadPid() is { } pid ? HostProcess.Find(pid) : null;
            return process is not null
                ? HandleOf(spec.Id, spec.Boot, folder, process)
                : throw new HypervisorException($"QEMU said that VM '{spec.Id}' runs, but its process is gone");
        }
        catch (Exception e)
        {
            await ClearAsync(spec.Id, folder, e).ConfigureAwait(false);
            if (e is IOException or UnauthorizedAccessException)
                throw new HypervisorException($"the folder of VM '{spec.Id}', {folder.Path}, can't be made: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Finds the VM of an earlier launch if it runs; otherwise removes its leftovers.</summary>
    public async Task<VmHandle?> FindAsync(VmSpec spec, VmFolder folder, CancellationToken cancellation)
    {
        if (!Directory.Exists(folder.Path))
            return null;
        using var late = new CancellationTokenSource(settings.LaunchDeadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        try
        {
            // A daemon that died during a launch leaves a QEMU that is still being set up: it has no pid file until it has daemonized.
            while (FindRunning(folder) is { } running)
            {
                if (folder.ReadPid() == running.Pid && UnixSocket.IsSocket(folder.Control))
                    return HandleOf(spec.Id, spec.Boot, folder, running);
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, either.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            log($"the QEMU of VM '{spec.Id}' was started but did not set itself up within {Seconds(settings.LaunchDeadline)}; it is ended");
        }

        await ClearAsync(spec.Id, folder, null).ConfigureAwait(false);
        return null;
    }

    /// <summary>Finds the QEMU that was started for this folder; null where none runs.</summary>
    public HostProcess? FindRunning(VmFolder folder)
    {
        if (!Directory.Exists(folder.Path))
            return null;
        if (folder.ReadPid() is { } pid && HostProcess.Find(pid) is { } process && process.Has("-pidfile", folder.PidFile)
            && IsOurs(process))
            return process;
        return HostProcess.With("-pidfile", folder.PidFile).FirstOrDefault(IsOurs);
    }

    /// <summary>
    /// Whether DMM launched this process. Any process may have the same arguments, so it must also run as the same user and be QEMU.
    /// </summary>
    private bool IsOurs(HostProcess process) => process.IsOfThisUser() && QemuIdentity.IsQemu(process.Pid, settings.Binary);

    public static VmHandle HandleOf(VmId id, MemorySize boot, VmFolder folder, HostProcess process) =>
        new(
            id, QemuHypervisor.DriverName, boot, folder.Control,
            process.Pid, process.Start, HostProcess.ReadBootId(), Owned: true)
        {
            OperatorSocket = folder.OperatorControl,
            AgentSocket = folder.Agent,
            ConsoleSocket = folder.Console,
        };

    private async Task StartAsync(VmSpec spec, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(settings.Binary, arguments)
        {
            UseShellExecute = false,
            WorkingDirectory = "/",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("NOTIFY_SOCKET");
        using var process = Start(start);
        process.StandardInput.Close();
        using var late = new CancellationTokenSource(settings.LaunchDeadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        var words = ReadWordsAsync(process.StandardError, either.Token);
        var chatter = ReadWordsAsync(process.StandardOutput, either.Token);
        try
        {
            await process.WaitForExitAsync(either.Token).ConfigureAwait(false);
            var said = QemuWords.Of(await words.ConfigureAwait(false), MaxReasonLength);
            await chatter.ConfigureAwait(false);
            if (process.ExitCode != 0)
            {
                var reason = said.Length > 0 ? said : $"it ended with code {process.ExitCode} and no message";
                throw new HypervisorException($"QEMU could not start VM '{spec.Id}': {reason}");
            }

            if (said.Length > 0)
                log($"QEMU said while VM '{spec.Id}' started: {said}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            if (cancellation.IsCancellationRequested)
                throw;
            throw new HypervisorException(
                $"QEMU did not set up VM '{spec.Id}' within {Seconds(settings.LaunchDeadline)} (dmm.qemu.launch-deadline)");
        }
    }

    private Process Start(ProcessStartInfo start)
    {
        if (!Descriptors.CloseAllOnExec())
            log("this kernel can't close inherited files for QEMU (close_range): VMs keep the files open that this daemon inherited");
        try
        {
            return Process.Start(start) ?? throw new HypervisorException($"'{settings.Binary}' could not be started");
        }
        catch (Win32Exception e)
        {
            throw new HypervisorException($"QEMU's program '{settings.Binary}' (dmm.qemu.binary) could not be started: {e.Message}", e);
        }
    }

    /// <summary>
    /// Reads QEMU's output and keeps the end of it, bounded: warnings come first, the fatal error comes last. Everything is read, so that
    /// QEMU never waits for a reader.
    /// </summary>
    internal static async Task<string> ReadWordsAsync(StreamReader reader, CancellationToken cancellation)
    {
        var kept = "";
        var buffer = new char[1024];
        while (await reader.ReadAsync(buffer, cancellation).ConfigureAwait(false) is var read and > 0)
        {
            kept += new string(buffer, 0, read);
            if (kept.Length > MaxWords)
                kept = kept[^MaxWords..];
        }

        return kept;
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");

    /// <exception cref="VmLingersException">A process can't be ended, so its memory can't be given to others.</exception>
    private async Task ClearAsync(VmId id, VmFolder folder, Exception? because)
    {
        while (FindRunning(folder) is { } left)
        {
            left.Kill();
            if (!await left.WaitForExitAsync(settings.ExitDeadline, time, CancellationToken.None).ConfigureAwait(false))
            {
                throw new VmLingersException(
                    $"process {left.Pid} of VM '{id}' was killed and is still there after {Seconds(settings.ExitDeadline)}"
                    + (because is null ? "" : $"; it was ended because {because.Message}"), because!);
            }
        }

        folder.Remove();
    }
}
