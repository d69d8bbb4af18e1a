using System.Globalization;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// Ends a QEMU, and decides whether it has ended: by its process where that is proved to be QEMU's, otherwise by what QEMU itself
/// reported.
/// </summary>
/// <param name="process">
/// The process that runs it; null where that is not known, and then <paramref name="doubt"/> gives the reason.
/// </param>
/// <param name="cleared">Called when the VM's folder is cleared after its end.</param>
internal sealed class QemuEnd(
    VmHandle handle, QmpClient qmp, ProcessHold? process, string? doubt, RunStateWatch runState, QemuSettings settings, TimeProvider time,
    Action cleared, Action<string> log)
{
    /// <summary>The time between a broken connection and the visible end of the process behind it.</summary>
    private static readonly TimeSpan SignsOfDeath = TimeSpan.FromSeconds(1);

    /// <summary>How often the process is checked.</summary>
    private static readonly TimeSpan ProcessPeriod = TimeSpan.FromSeconds(1);

    private volatile bool _seenGone;
    private bool _folderCleared;

    /// <summary>Ends QEMU, and kills the process if it does not obey.</summary>
    /// <param name="heard">
    /// Completes when everything that QEMU said was read and its meaning was reported (<see cref="ConcludeAsync"/>).
    /// </param>
    /// <exception cref="VmLingersException">The process was killed and is still there.</exception>
    /// <exception cref="HypervisorException">Its process is not known, and nothing shows that it is gone.</exception>
    public async Task EndAsync(Task heard, CancellationToken cancellation)
    {
        if (!await QuitsAsync(heard, cancellation).ConfigureAwait(false))
        {
            if (process is null)
                throw new HypervisorException($"VM '{handle.Id}' was told to quit, but DMM can't prove that it is gone: {doubt}");
            process.Kill();
            if (await process.WaitAsync(settings.ExitDeadline, time, cancellation).ConfigureAwait(false) != ProcessLook.Gone)
            {
                throw new VmLingersException(
                    $"VM '{handle.Id}' was told to quit, then killed, and process {process.Process.Pid} is still there "
                        + $"after {Seconds(settings.ExitDeadline)}");
            }
        }

        // The loops that follow QEMU end with the connection; they clear the folder before they report the end.
        await heard.WaitAsync(settings.ExitDeadline, time, cancellation).ConfigureAwait(false);
        ClearFolder();
    }

    /// <summary>
    /// Waits until the process is gone, then closes the connection: a proxy in between may hold it open when QEMU is gone.
    /// </summary>
    public async Task WatchProcessAsync(CancellationToken stop)
    {
        while (process is not null)
        {
            await Task.Delay(ProcessPeriod, time, stop).ConfigureAwait(false);
            if (process.Look() == ProcessLook.Gone)
            {
                await qmp.DisposeAsync().ConfigureAwait(false);
                return;
            }
        }
    }

    /// <summary>Decides, when the connection has ended, whether the VM has ended too, and returns which.</summary>
    /// <param name="brokenWhy">Returns null where the connection itself gives the reason.</param>
    public async Task<VmObservation> ConcludeAsync(Func<string?> brokenWhy, CancellationToken stop)
    {
        var cause = runState.ShutdownCause;
        if (await IsGoneAsync(cause is null ? SignsOfDeath : settings.ExitDeadline, stop).ConfigureAwait(false))
        {
            _seenGone = true;
            ClearFolder();
            return new VmObservation.Ended(EndReason.Describe(cause), EndReason.CauseOf(cause, runState.Last));
        }

        var why = brokenWhy() ?? await qmp.Closed.ConfigureAwait(false);
        return new VmObservation.ConnectionLost(doubt is null ? why : $"{why}; {doubt}");
    }

    /// <summary>Makes a call; if the call fails because the VM has ended, the exception says so.</summary>
    public async Task<T> OfLiveVmAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (QmpClosedException e) when (process?.Look() == ProcessLook.Gone)
        {
            throw new VmGoneException($"VM '{handle.Id}' no longer runs: {e.Message}", e);
        }
    }

    /// <summary>Clears the folder once only: it may belong to the next VM of this name as soon as this one's end is known.</summary>
    private void ClearFolder()
    {
        if (Interlocked.Exchange(ref _folderCleared, true))
            return;
        VmFolder.Of(handle)?.Remove();
        cleared();
    }

    /// <summary>
    /// Whether the VM is known to be gone. Where its process is not known, three signs must come together: QEMU itself said that it ends,
    /// its connection has ended, and nobody listens at its socket any more. Each of these alone is also true of a proxy that dies.
    /// </summary>
    private async Task<bool> IsGoneAsync(TimeSpan deadline, CancellationToken cancellation)
    {
        if (process is not null)
            return await process.WaitAsync(deadline, time, cancellation).ConfigureAwait(false) == ProcessLook.Gone;
        await ((Task)qmp.Closed).WaitAsync(deadline, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
        if (!qmp.Closed.IsCompleted || runState.ShutdownCause is null)
            return false;
        try
        {
            using var socket = await UnixSocket.ConnectAsync(handle.Control, cancellation).ConfigureAwait(false);
            return false;
        }
        catch (SocketUnreachableException e)
        {
            return e.NobodyListens;
        }
    }

    /// <summary>
    /// Tells QEMU to quit. QEMU first writes outstanding data to its guest's disks; it gets time as long as it does that.
    /// </summary>
    private async Task<bool> QuitsAsync(Task heard, CancellationToken cancellation)
    {
        var (idle, most) = (settings.CommandDeadline, settings.FlushDeadline);
        try
        {
            await qmp.ExecuteAsync("quit", null, cancellation).ConfigureAwait(false);
        }
        catch (HypervisorException e)
        {
            log($"VM '{handle.Id}': quit: {e.Message}");
            // QEMU may already have been at its end.
            (idle, most) = e is QmpClosedException ? (idle, most) : (SignsOfDeath, SignsOfDeath);
        }

        if (process is not null)
            return await process.WaitAsync(idle, most, time, cancellation).ConfigureAwait(false) == ProcessLook.Gone;
        // Everything that QEMU said at its end must be read before it is judged.
        await heard.WaitAsync(idle, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
        return _seenGone;
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");
}
