using System.Globalization;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// How a QEMU ends, and whether it has: by its process where that is proved to be it, by what QEMU itself said where it is not.
/// </summary>
/// <param name="process">The process that runs it; null where that is not known, and then <paramref name="doubt"/> says why.</param>
internal sealed class QemuEnd(
    VmHandle handle, QmpClient qmp, ProcessHold? process, string? doubt, RunStateWatch runState, QemuSettings settings, TimeProvider time,
    Action<string> log)
{
    /// <summary>A broken connection and the end of the process behind it are not seen in the same instant.</summary>
    private static readonly TimeSpan SignsOfDeath = TimeSpan.FromSeconds(1);

    /// <summary>How often it is looked whether the process is still there.</summary>
    private static readonly TimeSpan ProcessPeriod = TimeSpan.FromSeconds(1);

    private volatile bool _seenGone;
    private bool _folderCleared;

    /// <summary>Ends QEMU, and the process where it does not obey.</summary>
    /// <param name="heard">Ends when all that QEMU said was heard, and what it meant was told (<see cref="ConcludeAsync"/>).</param>
    /// <exception cref="VmLingersException">It was killed and is still there.</exception>
    /// <exception cref="HypervisorException">Its process is not known, and nothing shows that it is gone.</exception>
    public async Task EndAsync(Task heard, CancellationToken cancellation)
    {
        if (!await QuitsAsync(heard, cancellation).ConfigureAwait(false))
        {
            if (process is null)
                throw new HypervisorException($"VM '{handle.Id}' was told to quit, and nothing shows that it is gone: {doubt}");
            process.Kill();
            if (await process.WaitAsync(settings.ExitDeadline, time, cancellation).ConfigureAwait(false) != ProcessLook.Gone)
            {
                throw new VmLingersException(
                    $"VM '{handle.Id}' was told to quit, then killed, and process {process.Process.Pid} is still there "
                        + $"after {Seconds(settings.ExitDeadline)}");
            }
        }

        // What follows QEMU ends with the connection; it clears the folder before it tells of the end.
        await heard.WaitAsync(settings.ExitDeadline, time, cancellation).ConfigureAwait(false);
        ClearFolder();
    }

    /// <summary>
    /// Until the process is gone. Whatever stands between may hold the connection open when QEMU is gone: it is closed then.
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

    /// <summary>The connection is over: finds out whether the VM is, too, and says which.</summary>
    /// <param name="brokenWhy">Null where the connection itself tells.</param>
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

    /// <summary>A call that fails because the VM has ended says so.</summary>
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

    /// <summary>Once only: the folder may belong to the next VM of this name as soon as this one's end is known.</summary>
    private void ClearFolder()
    {
        if (!Interlocked.Exchange(ref _folderCleared, true))
            VmFolder.Of(handle)?.Remove();
    }

    /// <summary>
    /// Whether the VM is known to be gone. Where its process is not known, that is so only where QEMU itself said that it ends, its
    /// connection has ended, and nobody listens at its socket any more: each of these alone is true of a proxy that dies.
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

    /// <summary>QEMU writes what its guest's disks are owed before it ends: as long as it is at that it is let.</summary>
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
            // It may have been at its end already.
            (idle, most) = e is QmpClosedException ? (idle, most) : (SignsOfDeath, SignsOfDeath);
        }

        if (process is not null)
            return await process.WaitAsync(idle, most, time, cancellation).ConfigureAwait(false) == ProcessLook.Gone;
        // Whatever QEMU said at its end is heard before it is judged.
        await heard.WaitAsync(idle, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
        return _seenGone;
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");
}
