using Dmm.Commands;
using Dmm.Commands.Daemon;
using Dmm.Contracts;

namespace Dmm.Cli.Verbs;

/// <summary>
/// Follows a VM that is created or started until it runs, and says why where it does not. The daemon's own deadlines end an admission; this
/// has its own behind them, so that a daemon that forgets doesn't hold a script for ever.
/// </summary>
/// <param name="mark">Where the daemon's events stood before it was asked.</param>
/// <param name="began">When that was, as a timestamp.</param>
internal sealed class VmCreateWait(Session session, string name, EventMark mark, long began, TimeSpan? waitsFor)
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);

    /// <summary>A daemon that is restarted in the middle is back by then.</summary>
    private static readonly TimeSpan AwayAtMost = TimeSpan.FromSeconds(15);

    /// <summary>A VM that is gone says why by then.</summary>
    private static readonly TimeSpan UnexplainedAtMost = TimeSpan.FromSeconds(5);

    /// <summary>Behind the daemon's deadline of memory, and at most a day (the longest there is) where it is the daemon's own.</summary>
    private static readonly TimeSpan BeyondAdmission = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LongestAdmission = TimeSpan.FromDays(1);

    /// <summary>dmm.qemu.launch-deadline and dmm.vm.boot-deadline as they come, and half as much again.</summary>
    private static readonly TimeSpan BootAtMost = TimeSpan.FromSeconds(225);

    private string? _said;

    /// <exception cref="CommandException">It failed, with the daemon's reason; or it takes too long, and goes on.</exception>
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

    /// <summary>Past booting. A VM that has stopped or can't be reached by then has failed.</summary>
    private bool Runs(VmView vm) => vm.State switch
    {
        "requested" or "waiting" or "launching" or "booting" or "paused" => false,
        "lost" or "stopping" or "stopped" or "returning" =>
            throw CommandException.Failed($"{name} is {vm.State}{(vm.Why is null ? "" : $": {vm.Why}")}"),
        _ => true,
    };

    /// <summary>It runs, and whether its guest does nobody knows.</summary>
    private VmView WarnOfSilence(VmView vm)
    {
        if (vm.Warnings.FirstOrDefault(w => w.StartsWith("nothing was heard of its guest", StringComparison.Ordinal)) is { } silence
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

    /// <summary>The VM is not there (any more): an event says why.</summary>
    /// <param name="last">Take any event for the reason, or do without one.</param>
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
