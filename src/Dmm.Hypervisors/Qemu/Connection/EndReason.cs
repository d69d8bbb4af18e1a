using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>Why a VM ended, for people. Source: QEMU, qapi/run-state.json (ShutdownCause).</summary>
internal static class EndReason
{
    /// <param name="cause">The reason in QEMU's SHUTDOWN event; null where QEMU ended without one.</param>
    public static string Describe(string? cause) => cause switch
    {
        null => "QEMU's process ended without giving a reason (killed, or crashed)",
        "guest-shutdown" => "the guest shut down (guest-shutdown)",
        "guest-panic" => "the guest's kernel panicked (guest-panic)",
        "guest-reset" => "the guest restarted although that was not allowed (guest-reset)",
        "host-signal" => "a signal ended QEMU (host-signal)",
        "host-qmp-quit" => "QEMU was told to quit (host-qmp-quit)",
        "host-error" => "QEMU had an error (host-error)",
        _ => $"QEMU ended ({cause})",
    };

    /// <summary>
    /// Whether the end was intended: the guest powered down, or a person told QEMU to quit. A signal comes from whatever ends the host's
    /// processes, so it does not count as intended. If the guest was migrated out, the end of its old QEMU is not the guest's end.
    /// </summary>
    /// <param name="last">The VM's run state at its end.</param>
    public static EndCause CauseOf(string? cause, VmRunState last) => last.MayRunElsewhere() ? EndCause.MigratedAway
        : cause is "guest-shutdown" or "host-qmp-quit" ? EndCause.PoweredDown : EndCause.Failed;
}
