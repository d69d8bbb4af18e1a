using Dmm.Core.Hypervisors;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// Reaches the QEMU that a handle means and no other: the process is compared by pid, start time and boot, the socket by the process that
/// listens there. Tries again with back-off while the VM runs, up to a deadline.
/// </summary>
internal sealed class QemuConnector(QemuSettings settings, TimeProvider time)
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMilliseconds(500);

    /// <summary>The process that the handle means; null where the handle knows none.</summary>
    /// <exception cref="VmGoneException">It no longer runs; what it left is removed.</exception>
    public static HostProcess? ProcessOf(VmHandle handle)
    {
        if (handle is not { Pid: { } pid, PidStart: { } start })
            return null;
        var process = new HostProcess(pid, start);
        if (handle.BootId == HostProcess.ReadBootId() && process.IsAlive())
            return process;
        VmFolder.Of(handle)?.Remove();
        throw new VmGoneException($"VM '{handle.Id}' no longer runs: process {pid} is gone");
    }

    public async Task<QmpClient> ConnectAsync(VmHandle handle, HostProcess? process, CancellationToken cancellation)
    {
        var backoff = new Backoff(FirstRetry, LongestRetry);
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await OnceAsync(handle, process, cancellation).ConfigureAwait(false);
            }
            catch (HypervisorException e) when (process?.IsAlive() == false)
            {
                VmFolder.Of(handle)?.Remove();
                throw new VmGoneException($"VM '{handle.Id}' no longer runs: process {process.Pid} is gone", e);
            }
            catch (SocketUnreachableException e) when (process is null && e.NobodyListens)
            {
                throw new VmGoneException($"VM '{handle.Id}' no longer runs: {e.Message}", e);
            }
            catch (HypervisorException e) when (MayPass(e) && time.GetElapsedTime(began) < settings.CommandDeadline)
            {
                await Task.Delay(backoff.Next(), time, cancellation).ConfigureAwait(false);
            }
        }
    }

    private static bool MayPass(HypervisorException e) =>
        e is SocketUnreachableException or QmpClosedException or QmpUnreachableException { Retry: true };

    private async Task<QmpClient> OnceAsync(VmHandle handle, HostProcess? process, CancellationToken cancellation)
    {
        var qmp = await QmpClient.ConnectAsync(handle.Control, settings.Qmp, time, cancellation).ConfigureAwait(false);
        if (process is null || qmp.PeerPid is not { } peer || peer == process.Pid)
            return qmp;
        await qmp.DisposeAsync().ConfigureAwait(false);
        throw new HypervisorException($"{handle.Control}: process {peer} listens there now, not process {process.Pid} of VM '{handle.Id}'");
    }
}
