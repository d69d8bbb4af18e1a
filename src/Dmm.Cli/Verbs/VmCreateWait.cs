using Dmm.Commands;
using Dmm.Commands.Daemon;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

/// <summary>
/// Follows a VM that is created or started until it runs, and gives the reason where it fails. The daemon's own deadlines end an
/// admission. This class has later deadlines of its own, so that a daemon that loses the request does not block a script for ever.
/// </summary>
/// <param name="mark">The position in the daemon's events before the request was sent.</param>
/// <param name="began">When the request was sent, as a timestamp of the session's time provider.</param>
internal sealed class VmCreateWait(Session session, string name, EventMark mark, long began, TimeSpan? waitsFor)
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);

    /// <summary>A daemon that is restarted meanwhile answers again within this time.</summary>
    private static readonly TimeSpan AwayAtMost = TimeSpan.FromSeconds(15);

    /// <summary>The event that explains why a VM is gone comes within this time.</summary>
    private static readonly TimeSpan UnexplainedAtMost = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Time allowed beyond the daemon's deadline for memory. Where the daemon's default applies, this command does not know it, and
    /// assumes the longest possible one, a day.
    /// </summary>
    private static readonly TimeSpan BeyondAdmission = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LongestAdmission = TimeSpan.FromDays(1);

    /// <summary>1.5 times the sum of the defaults of dmm.qemu.launch-deadline (30 s) and dmm.vm.boot-deadline (120 s).</summary>
    private static readonly TimeSpan BootAtMost = TimeSpan.FromSeconds(225);

    private string? _said;

    /// <exception cref="CommandException">
    /// The VM failed, and the message is the daemon's reason; or it takes too long, and goes on without this command.
    /// </exception>
    public async Task<VmView> UntilItRunsAsync(CancellationToken cancellation)
    {
        var admission = waitsFor ?? LongestAdmission;
        var waitingUntil = admission + BeyondAdmission;
        TimeSpan? bootingUntil = null;
        TimeSpan? awaySince = null;
        TimeSpan? missingSince = null;
        while (true)
        {
            var now = session.Time.GetElapsedTime(began);
            try
            {
                var vm = await session.Daemon.FindVmAsync(name, cancellation);
                awaySince = null;
                missingSince = vm is null ? missingSince ?? now : null;
                if (vm is null)
                    await ThrowIfFailedAsync(now - missingSince >= UnexplainedAtMost, cancellation);
                else if (Runs(vm))
                    return WarnOfSilence(vm);
                else
                    Say(vm);
                if (vm?.State is "launching" or "booting")
                    bootingUntil ??= now + BootAtMost;
            }
            catch (CommandException e) when (e.ExitCode == ExitCode.Unreachable && now - (awaySince ??= now) < AwayAtMost)
            {
                Say($"{name}: the daemon is away; waiting for it");
            }

            if (now > (bootingUntil ?? waitingUntil))
            {
                throw CommandException.Failed(
                    $"{name} does not run yet; it goes on without this command (dmm vm show {name})", "timeout");
            }

            await Task.Delay(Period, session.Time, cancellation);
        }
    }

    /// <summary>True where the VM is past booting. A VM that has stopped or can't be reached by then has failed.</summary>
    private bool Runs(VmView vm) => vm.State switch
    {
        "requested" or "waiting" or "launching" or "booting" or "paused" => false,
        "lost" or "stopping" or "stopped" or "returning" =>
            throw CommandException.Failed($"{name} is {vm.State}{(vm.Why is null ? "" : $": {vm.Why}")}"),
        _ => true,
    };

    /// <summary>Warns where the VM runs but its guest was never heard of, so that nobody knows whether the guest runs.</summary>
    private VmView WarnOfSilence(VmView vm)
    {
        if (vm.Warnings.FirstOrDefault(w => w.StartsWith("nothing was heard from its guest", StringComparison.Ordinal)) is { } silence
            && !session.Json)
            session.Terminal.Progress($"{name}: {silence}");
        return vm;
    }

    private void Say(VmView vm) => Say(vm.Why is null ? $"{vm.Id}: {vm.State}" : $"{vm.Id}: {vm.State}: {vm.Why}");

    private void Say(string line)
    {
        if (line != _said && !session.Json)
            session.Terminal.Progress(line);
        _said = line;
    }

    /// <summary>Throws the reason why the VM is not there (any more), taken from the daemon's events.</summary>
    /// <param name="last">Whether this is the last try: any event counts as the reason then, and a missing one is an error.</param>
    private async Task ThrowIfFailedAsync(bool last, CancellationToken cancellation)
    {
        var events = (await mark.SinceAsync(cancellation)).Where(e => e.Vm == name).ToList();
        var end = events.LastOrDefault(e => e.Kind is "admissionRefused" or "admissionFailed" or "admissionExpired" or "admissionCancelled"
            or "bootFailed")
            ?? (last ? events.LastOrDefault() : null);
        if (end is not null)
        {
            var text = end.Text.Contains(name, StringComparison.Ordinal) ? end.Text : $"{name}: {end.Text}";
            throw CommandException.Failed(text, end.Kind switch
            {
                "admissionExpired" => "timeout",
                "admissionRefused" => "refused",
                _ => "failed",
            });
        }

        if (last)
            throw CommandException.Failed($"{name} is gone, and no event says why");
    }
}
