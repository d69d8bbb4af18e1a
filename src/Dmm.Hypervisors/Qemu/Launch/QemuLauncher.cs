using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Files;
using Dmm.Hypervisors.Qemu.Connection;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// Starts QEMU so that it outlives the daemon (<see cref="LaunchLine"/>). It runs once it answers at its control socket: QEMU does that
/// only when the VM is set up. Until then its own messages are kept, for a launch that fails; afterwards nobody reads them, and QEMU, which
/// ignores the signal of a closed pipe, runs on. A failed launch leaves nothing behind: no process, no socket, no folder, no group.
/// </summary>
internal sealed class QemuLauncher(QemuSettings settings, VmGroups groups, TimeProvider time, Action<string> log)
{
    private const int MaxWords = 4096;
    private const int MaxReasonLength = 600;

    /// <summary>How often a QEMU that is being set up is looked at.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    public async Task<VmHandle> LaunchAsync(VmSpec spec, VmFolder folder, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        if (FindRunning(folder) is { } running)
            throw new HypervisorException($"a VM named '{spec.Id}' already runs here (pid {running.Pid}, folder {folder.Path})");
        var (user, fault) = LaunchUser.Find(settings);
        if (fault is not null)
            throw new HypervisorException(fault);
        var group = groups.Prepare(spec);
        try
        {
            folder.Remove();
            folder.Create(spec.Channels, user?.Account);
            var process = await StartAsync(spec, folder, LaunchLine.Build(spec, settings, user, group, arguments), cancellation)
                .ConfigureAwait(false);
            return HandleOf(spec.Id, spec.Boot, folder, process);
        }
        catch (Exception e)
        {
            await ClearAsync(spec.Id, folder, e).ConfigureAwait(false);
            if (e is IOException or UnauthorizedAccessException)
                throw new HypervisorException($"the folder of VM '{spec.Id}', {folder.Path}, can't be made: {e.Message}", e);
            throw;
        }
        finally
        {
            groups.Done(group);
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
            // A daemon that died during a launch leaves a QEMU that is still being set up. One that has its sockets is the VM, also while
            // it does not answer: it may have run for long.
            while (FindRunning(folder) is { } running)
            {
                if (folder.ReadPid() == running.Pid && UnixSocket.IsSocket(folder.Control))
                {
                    if (OomScore.Set(running.Pid, spec.Policy.Shares) is { } fault)
                        log($"VM '{spec.Id}': {fault}");
                    return HandleOf(spec.Id, spec.Boot, folder, running);
                }

                await Task.Delay(Look, time, either.Token).ConfigureAwait(false);
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
            && IsOurs(process, folder))
            return process;
        return HostProcess.With("-pidfile", folder.PidFile).FirstOrDefault(p => IsOurs(p, folder));
    }

    /// <summary>
    /// Whether DMM launched this process. Any process may have the same arguments, so it must also run as this daemon's user or as the one
    /// to whom the daemon gave the VM's folder, and be QEMU or a script for it, or on its way there as the daemon's user.
    /// </summary>
    private bool IsOurs(HostProcess process, VmFolder folder)
    {
        var user = process.User();
        return (user == FileOwner.Self || (user is not null && user == folder.Owner))
            && (QemuIdentity.IsQemu(process.Pid, settings.Binary) || LaunchLine.IsWrapper(process, settings.Binary)
                || (user == FileOwner.Self && LaunchLine.IsOnTheWay(process)));
    }

    public static VmHandle HandleOf(VmId id, MemorySize boot, VmFolder folder, HostProcess process) =>
        new(
            id, QemuHypervisor.DriverName, boot, folder.Control,
            process.Pid, process.Start, HostProcess.ReadBootId(), Owned: true)
        {
            OperatorSocket = folder.OperatorControl,
            AgentSocket = folder.Agent,
            ConsoleSocket = folder.Console,
        };

    /// <returns>The process, which runs the VM.</returns>
    private async Task<HostProcess> StartAsync(VmSpec spec, VmFolder folder, IReadOnlyList<string> line, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(line[0], line.Skip(1))
        {
            UseShellExecute = false,
            WorkingDirectory = "/",
            // A child that shares the daemon's terminal makes the framework change that terminal's settings.
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("NOTIFY_SOCKET");
        // The framework waits for its children, also for those whose object is gone, so that a VM leaves no zombie when it ends.
        using var process = Start(start);
        process.StandardInput.Close();
        using var late = new CancellationTokenSource(settings.LaunchDeadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(either.Token);
        var words = new LastWords(MaxWords);
        var reading = words.ReadAsync(process.StandardError, silence.Token);
        try
        {
            var ended = process.WaitForExitAsync(either.Token);
            while (HostProcess.Find(process.Id) is { } running && !ended.IsCompleted)
            {
                if (await IsUpAsync(folder, running, either.Token).ConfigureAwait(false))
                {
                    Tell(spec, QemuWords.Of(words.Text, MaxReasonLength));
                    return running;
                }

                await Task.Delay(Look, time, either.Token).ConfigureAwait(false);
            }

            await ended.ConfigureAwait(false);
            await reading.ConfigureAwait(false);
            var said = QemuWords.Of(words.Text, MaxReasonLength);
            var reason = said.Length > 0 ? said : $"it ended with code {process.ExitCode} and no message";
            throw new HypervisorException($"QEMU could not start VM '{spec.Id}': {reason}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            if (cancellation.IsCancellationRequested)
                throw;
            var said = QemuWords.Of(words.Text, MaxReasonLength);
            throw new HypervisorException(
                $"QEMU did not set up VM '{spec.Id}' within {Seconds(settings.LaunchDeadline)} (dmm.qemu.launch-deadline)"
                    + (said.Length > 0 ? $"; it said: {said}" : ""));
        }
        finally
        {
            await silence.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            process.StandardError.Dispose();
            process.StandardOutput.Dispose();
        }
    }

    /// <summary>
    /// Whether this process answers at the VM's control socket. QEMU makes its sockets early and answers only when the VM is set up, so
    /// the greeting is waited for as long as a launch may take.
    /// </summary>
    private async Task<bool> IsUpAsync(VmFolder folder, HostProcess process, CancellationToken cancellation)
    {
        if (folder.ReadPid() != process.Pid || !UnixSocket.IsSocket(folder.Control))
            return false;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var watching = Task.Run(
            async () =>
            {
                await process.WaitForExitAsync(settings.LaunchDeadline, time, over.Token).ConfigureAwait(false);
                await over.CancelAsync().ConfigureAwait(false);
            },
            CancellationToken.None);
        try
        {
            var options = settings.Qmp with { Deadline = settings.LaunchDeadline };
            await using var qmp = (await QmpClient.ConnectAsync(folder.Control, options, time, over.Token).ConfigureAwait(false))
                .ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is HypervisorException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Tell(VmSpec spec, string said)
    {
        if (said.Length > 0)
            log($"QEMU said while VM '{spec.Id}' started: {said}");
    }

    private Process Start(ProcessStartInfo start)
    {
        if (!Descriptors.CloseAllOnExec())
            log("this kernel can't close inherited files for QEMU (close_range): VMs keep the files open that this daemon inherited");
        try
        {
            return Process.Start(start) ?? throw new HypervisorException($"'{start.FileName}' could not be started");
        }
        catch (Win32Exception e)
        {
            throw new HypervisorException($"the program '{start.FileName}', which starts QEMU, could not be started: {e.Message}", e);
        }
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
