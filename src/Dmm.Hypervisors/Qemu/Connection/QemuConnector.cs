using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// Connects to exactly the QEMU that a handle names: the process is checked by pid, start time and boot, the socket by the process that
/// listens there. Tries again with back-off while the VM runs, up to a deadline.
/// </summary>
internal sealed class QemuConnector(QemuSettings settings, TimeProvider time)
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMilliseconds(500);

    /// <summary>The process that the handle names; null where the handle has none, or one that was never proved to be the VM's.</summary>
    /// <exception cref="VmGoneException">The process no longer runs; its remains are removed.</exception>
    public static HostProcess? ProcessOf(VmHandle handle)
    {
        if (handle.BootId is { } boot && boot != HostProcess.ReadBootId())
            throw Gone(handle, EndCause.HostRestarted, null);
        if (!handle.IsKnown() || handle is not { Pid: { } pid, PidStart: { } start })
            return null;
        var process = new HostProcess(pid, start);
        return process.Seen() != ProcessLook.Gone ? process : throw Gone(handle, null, null);
    }

    /// <summary>
    /// Finds the process that runs the VM at the other end. For a VM that DMM launched, it is the launched process. For another VM,
    /// earlier knowledge does not count until it is proved again.
    /// </summary>
    /// <exception cref="HypervisorException">A process other than the handle's answers there.</exception>
    public async Task<(HostProcess? Process, string? Doubt)> IdentifyAsync(
        VmHandle handle, HostProcess? known, QmpClient qmp, CancellationToken cancellation)
    {
        if (handle.Owned && known is not null)
            return (known, null);
        var summary = await qmp.ExecuteAsync("query-memory-size-summary", null, cancellation).ConfigureAwait(false);
        var found = await QemuIdentity.FindAsync(qmp, settings.Binary, QmpJson.Size(summary, "base-memory"), cancellation)
            .ConfigureAwait(false);
        if (known is not null && found.Process != known)
        {
            throw new HypervisorException(
                $"{handle.Control}: {(found.Process is { } other ? $"process {other.Pid}" : found.Listener)} listens there now, not "
                    + $"process {known.Pid} of VM '{handle.Id}'");
        }

        return (found.Process, found.Process is null ? Doubt(found) : null);
    }

    /// <summary>The doubt in one line, with the consequences.</summary>
    public static string Doubt(QemuIdentity identity) =>
        $"it is not known which process runs it ({identity.Doubt}): its cost is estimated, not measured; DMM ends no process for it; "
        + "its claim stands until its end is proved";

    /// <summary>
    /// The exception for a VM that is gone. A QEMU that ends cleanly deletes its pid file; one that is killed or crashes leaves it.
    /// </summary>
    private static VmGoneException Gone(VmHandle handle, EndCause? known, Exception? inner)
    {
        var folder = VmFolder.Of(handle);
        var cause = known ?? (folder?.EndedInOrder == true ? EndCause.PoweredDown : EndCause.Failed);
        folder?.Remove();
        var how = cause switch
        {
            EndCause.HostRestarted => "the host has restarted since",
            EndCause.PoweredDown => $"process {handle.Pid} has ended in good order while DMM was not connected",
            _ => $"process {handle.Pid} is gone",
        };
        return new VmGoneException($"VM '{handle.Id}' no longer runs: {how}", inner!) { Cause = cause };
    }

    public async Task<QmpClient> ConnectAsync(VmHandle handle, HostProcess? process, CancellationToken cancellation)
    {
        var (wait, tries) = (new GrowingWait(FirstRetry, LongestRetry), 0);
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await OnceAsync(handle, process, cancellation).ConfigureAwait(false);
            }
            catch (HypervisorException e) when (process?.Seen() == ProcessLook.Gone)
            {
                throw Gone(handle, null, e);
            }
            catch (HypervisorException e) when (MayPass(e) && time.GetElapsedTime(began) < settings.CommandDeadline)
            {
                await Task.Delay(wait.After(tries++), time, cancellation).ConfigureAwait(false);
            }
        }
    }

    private static bool MayPass(HypervisorException e) =>
        e is SocketUnreachableException or QmpClosedException or QmpUnreachableException { Retry: true };

    private async Task<QmpClient> OnceAsync(VmHandle handle, HostProcess? process, CancellationToken cancellation)
    {
        var qmp = await QmpClient.ConnectAsync(handle.Control, settings.Qmp, time, cancellation).ConfigureAwait(false);
        // An adopted VM may have another process that listens for it.
        if (process is null || !handle.Owned || qmp.PeerPid is not { } peer || peer == process.Pid)
            return qmp;
        await qmp.DisposeAsync().ConfigureAwait(false);
        throw new HypervisorException($"{handle.Control}: process {peer} listens there now, not process {process.Pid} of VM '{handle.Id}'");
    }
}
