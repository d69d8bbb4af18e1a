using System.Text.Json;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// Reports whether the guest runs, and why it does not. QEMU's events only say when to look. Changes between two events are found by
/// looking again while the guest does not run: a migration, for example, finishes after a STOP without an event for those who did not ask
/// for it. Source: QEMU, qapi/run-state.json (RunState).
/// </summary>
internal sealed class RunStateWatch(QmpClient qmp, TimeProvider time, Action<VmRunState, string?> tell)
{
    private static readonly TimeSpan WhileRunning = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan WhileHeld = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WhileHandedOver = TimeSpan.FromMilliseconds(100);

    /// <summary>A QEMU that is ending answers nothing more after this time.</summary>
    private static readonly TimeSpan Ending = TimeSpan.FromSeconds(1);

    private const string Panicked = "its guest's kernel has panicked: look at its console, then stop it (guest-panicked)";

    private readonly Nudge _nudge = new(time);
    private readonly Lock _telling = new();
    private readonly ReadPace _pace = new(time, SizeWatch.MaxLooksPerSecond);
    private (VmRunState State, string? Why)? _told;
    private int _panics;
    private int _stops;
    private int _stopsSeen;
    private volatile Shutdown? _shutdown;

    /// <summary>The reason of a SHUTDOWN event, unless QEMU has survived it; null where there was none.</summary>
    public string? ShutdownCause => _shutdown?.Cause;

    /// <summary>
    /// The run state at the end. A VM that stopped and was gone before the reason could be read may have been migrated out. That is
    /// assumed then: running it twice on one disk is worse than not running it.
    /// </summary>
    public VmRunState Last =>
        Volatile.Read(ref _stops) != Volatile.Read(ref _stopsSeen) ? VmRunState.MigratingOut : _told?.State ?? VmRunState.Running;

    public void Hear(QmpEvent e)
    {
        switch (e.Name)
        {
            case "SHUTDOWN":
                var cause = QmpJson.TextOrEmpty(e.Data, "reason");
                _shutdown = new(cause.Length > 0 ? cause : "reason unknown", time.GetTimestamp());
                break;
            case "STOP":
                Interlocked.Increment(ref _stops);
                break;
            case "RESUME":
                Volatile.Write(ref _stopsSeen, Volatile.Read(ref _stops));
                break;
            case "GUEST_PANICKED":
                // QEMU may end before it could be asked for its state.
                lock (_telling)
                {
                    _panics++;
                    Tell((VmRunState.Panicked, Panicked));
                }

                break;
            case "SUSPEND" or "SUSPEND_DISK" or "WAKEUP" or "RESET" or "MIGRATION" or "GUEST_CRASHLOADED" or "WATCHDOG" or "BLOCK_IO_ERROR":
                break;
            default:
                return;
        }

        _nudge.Set();
    }

    /// <summary>Looks at once, since events were lost.</summary>
    public void Look() => _nudge.Set();

    /// <summary>Looks until the connection ends.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var pause = _told?.State switch
            {
                null or VmRunState.Running => WhileRunning,
                VmRunState.MigratingOut => WhileHandedOver,
                _ => WhileHeld,
            };
            await _nudge.WaitAsync(_shutdown is null || pause < WhileHeld ? pause : WhileHeld, cancellation).ConfigureAwait(false);
            await _pace.TakeAsync(0, cancellation).ConfigureAwait(false);
            try
            {
                if (!await ReadAsync(cancellation).ConfigureAwait(false))
                    return;
            }
            catch (QmpTimeoutException)
            {
                // The loop over the sizes decides whether QEMU is lost.
                continue;
            }
        }
    }

    /// <returns>False where this QEMU does not report it.</returns>
    public async Task<bool> ReadAsync(CancellationToken cancellation)
    {
        var asked = time.GetTimestamp();
        var shutdown = _shutdown;
        // This answer says nothing about a STOP that comes while the query is under way.
        var stops = Volatile.Read(ref _stops);
        var panics = Volatile.Read(ref _panics);
        JsonElement answer;
        try
        {
            answer = await qmp.ExecuteAsync("query-status", null, cancellation).ConfigureAwait(false);
        }
        catch (QmpRefusedException)
        {
            return false;
        }

        Volatile.Write(ref _stopsSeen, stops);

        // QEMU was started to stay when its guest powers down (-no-shutdown).
        if (shutdown is not null && time.GetElapsedTime(shutdown.At, asked) >= Ending)
            Interlocked.CompareExchange(ref _shutdown, null, shutdown);
        lock (_telling)
        {
            // Nor does it say anything about a panic in the meantime: then it is asked again.
            if (panics == _panics)
                Tell(Read(answer));
        }

        return true;
    }

    private void Tell((VmRunState State, string? Why) now)
    {
        if (_told == now)
            return;
        _told = now;
        tell(now.State, now.Why);
    }

    public static (VmRunState State, string? Why) Read(JsonElement answer)
    {
        var status = QmpJson.TextOrEmpty(answer, "status");
        var runs = QmpJson.MemberOf(answer, "running").ValueKind == JsonValueKind.True;
        return status switch
        {
            "running" => (VmRunState.Running, null),
            "paused" => (VmRunState.Paused, "it is paused: somebody has stopped it; 'cont' at its monitor continues it"),
            "prelaunch" => (VmRunState.Paused, "it has not been started yet: 'cont' at its monitor starts it (prelaunch)"),
            "debug" => (VmRunState.Paused, "it is paused: a debugger holds it (debug)"),
            "io-error" => (VmRunState.Paused, "it is paused: a disk error has stopped it, and it waits until that is fixed (io-error)"),
            "watchdog" => (VmRunState.Paused, "it is paused: its watchdog has stopped it (watchdog)"),
            "save-vm" or "restore-vm" => (VmRunState.Paused, $"it is paused while a snapshot is saved or restored ({status})"),
            "suspended" => (VmRunState.Paused, "its guest sleeps (suspended)"),
            "inmigrate" =>
            (VmRunState.MigratingIn, "it waits for its guest to be migrated in: what its devices show means nothing yet (inmigrate)"),
            "finish-migrate" => (VmRunState.MigratingOut, "its guest is being migrated to another process (finish-migrate)"),
            "postmigrate" =>
            (VmRunState.MigratedAway,
                "it was migrated out: its guest runs elsewhere or is stored in a file; only this process is left (postmigrate)"),
            "shutdown" => (VmRunState.Halted, "its guest has powered down, and its process was started to stay (shutdown)"),
            "guest-panicked" => (VmRunState.Panicked, Panicked),
            "internal-error" => (VmRunState.Halted, "its hypervisor had an error that it can't recover from (internal-error)"),
            _ when runs => (VmRunState.Running, null),
            _ => (VmRunState.Paused, $"it does not run ({(status.Length > 0 ? status : "QEMU does not say why")})"),
        };
    }

    private sealed record Shutdown(string Cause, long At);
}
