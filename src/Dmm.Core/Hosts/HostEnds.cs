using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// Turns ends of VMs and their returns into events. One event says both that a VM has ended and what happens to it next
/// (docs/use/lifecycle.md). Pure.
/// </summary>
public static class HostEnds
{
    /// <summary>True where its guest was heard from, or, where the guest need not speak, where it was up at its deadline.</summary>
    public static bool HasBooted(VmRecord vm, VmProtocol.Report report) =>
        report.Hello is not null || report.Sample is not null
        || (vm.Spec is { BootCheck: BootCheck.None }
            && report.Phase is not (VmPhase.Booting or VmPhase.Lost or VmPhase.Paused or VmPhase.Stopped));

    /// <summary>Returns an event where the run state changes whether the VM may run elsewhere; otherwise null.</summary>
    public static IHostEvent? Moved(VmRecord vm, VmProtocol.Report report, DateTimeOffset now) =>
        // Before the VM's actor controls it, nothing is known of whether it runs.
        report.Confirmation is null || report.Capabilities is null || vm.MigratedAway == report.RunState.MayRunElsewhere() ? null
        : report.RunState.MayRunElsewhere() ? new VmMigratedAway(now, report.Vm)
        : report.RunState == VmRunState.Running && report.Phase is not (VmPhase.Lost or VmPhase.Stopped)
        ? new VmMigrationUndone(now, report.Vm)
        : null;

    /// <summary>Returns the event for a VM whose process has ended.</summary>
    public static IHostEvent Ended(VmRecord vm, EndCause cause, string why, ReturnSettings settings, Clocks now)
    {
        if (vm.Unwanted || vm.Drain is not null || vm.BootedAt is not null || cause is not (EndCause.Failed or EndCause.PoweredDown))
            return EndOf(vm, cause, why, settings, now);
        // The power-down of a guest that never spoke counts as intended where the restart policy distinguishes intended ends (OnFailure).
        var meant = cause == EndCause.PoweredDown && vm.Spec?.Restart == RestartPolicy.OnFailure;
        return EndOf(
            vm, meant || vm.EverBooted ? cause : EndCause.NeverBooted, $"it ended before its guest reported: {why}", settings, now);
    }

    /// <summary>Returns the event for a VM that no longer runs: it rests, or it is forgotten.</summary>
    public static IHostEvent EndOf(VmRecord vm, EndCause cause, string why, ReturnSettings settings, Clocks now)
    {
        if (vm.MigratedAway || cause == EndCause.MigratedAway)
            (cause, why) = (EndCause.MigratedAway, $"it was migrated away: {why}");
        else if (vm.Unwanted)
            cause = EndCause.Stopped;
        // A VM that was given up because it never booted would have ended without the drain, too.
        else if (vm is { Drain: not null, Spec: not null } && cause != EndCause.NeverBooted)
            cause = EndCause.Drained;
        return vm.Spec is { } spec
            && Returns.After(spec.Restart, cause, vm.Unwanted, vm.Tries, now.Now - vm.BootedAt, settings, now.Now) is { } rest
            ? new VmRested(
                now.Wall, AfterBoot(spec.Under(vm.Policy), vm, cause), vm.Overhead, cause,
                why + EarlyWords(vm, cause, why, "it waits for all of that the next time"), now.WallOf(rest.ReturnAt), rest.Tries)
            {
                ImageNeeds = vm.ImageNeeds,
                NeverBooted = !vm.EverBooted,
                Drained = cause == EndCause.Drained,
            }
            : new VmEnded(
                now.Wall, vm.Handle.Id, why + EarlyWords(vm, cause, why, "with the boot policy full it would wait for all of that"))
            {
                Cause = cause,
            };
    }

    /// <summary>
    /// Returns the event for a request that failed or was ended. A first creation is over; a return is tried again, or the VM stays stopped
    /// where its operator has cancelled it.
    /// </summary>
    public static IHostEvent EndOf(
        Core.Admission.AdmissionRecord admission, AdmissionEnd end, string why, ReturnSettings settings, Clocks now)
    {
        if (admission.Tries is not { } tries)
            return new AdmissionEnded(now.Wall, admission.Spec.Id, end, why);
        var cancelled = end == AdmissionEnd.Cancelled;
        var cause = cancelled ? EndCause.Stopped : EndCause.Failed;
        var rest = Returns.After(admission.Spec.Restart, cause, cancelled, tries, null, settings, now.Now) ?? new(null, 0);
        return new VmRested(
            now.Wall, admission.Spec, admission.Overhead, cause, cancelled ? why : $"its start failed: {why}",
            now.WallOf(rest.ReturnAt), rest.Tries)
        {
            ImageNeeds = admission.ImageNeeds,
            NeverBooted = admission.NeverBooted,
        };
    }

    /// <summary>The VM does not return, because its operator has stopped it.</summary>
    public static VmRested Stays(RestingVm resting, Clocks now) =>
        new(now.Wall, resting.Spec, resting.Overhead, EndCause.Stopped, resting.Why, null, 0)
        {
            ImageNeeds = resting.ImageNeeds,
            NeverBooted = resting.NeverBooted,
        };

    /// <summary>Explains why an operator's start is not simply carried out; null where nothing is against it.</summary>
    public static string? Doubt(RestingVm resting) => resting.Cause == EndCause.MigratedAway
        ? $"{resting.Spec.Id} was migrated away and may run elsewhere, on the same disk: two at once would ruin it. If it runs nowhere "
            + $"else, 'dmm vm start {resting.Spec.Id} --force' starts it here; 'dmm vm forget {resting.Spec.Id}' makes DMM forget it"
        : null;

    /// <summary>
    /// A VM that was started early, with less than it asked for, and whose guest was never heard from may have had too little memory: next
    /// time it waits for all of it.
    /// </summary>
    private static VmSpec AfterBoot(VmSpec spec, VmRecord vm, EndCause cause) =>
        cause == EndCause.NeverBooted && vm.Handle.Base < spec.Boot ? spec with { BootPolicy = BootPolicy.Full } : spec;

    /// <summary>What the reason of an end says of an early start that may have been the cause; empty where there was none.</summary>
    /// <param name="why">The reason so far, which may name the early start already.</param>
    private static string EarlyWords(VmRecord vm, EndCause cause, string why, string next)
    {
        if (cause != EndCause.NeverBooted || vm.Spec is not { BootPolicy: BootPolicy.Early } spec || vm.Handle.Base >= spec.Boot)
            return "";
        return why.Contains(BootWatch.StartedEarly, StringComparison.Ordinal)
            ? $"; {next}"
            : $"; {BootWatch.StartedEarly} {vm.Handle.Base} of the {spec.Boot} that it asked to boot with, which may be too little; {next}";
    }

    /// <summary>Returns the VMs whose time to return has come, in the order in which they are asked for.</summary>
    public static IReadOnlyList<RestingVm> Due(HostState state, Moment now) =>
        [.. state.Resting.Where(vm => vm.Value.ReturnAt <= now)
            .OrderByDescending(vm => vm.Value.Spec.Priority).ThenBy(vm => vm.Value.Since).ThenBy(vm => vm.Key).Select(vm => vm.Value)];

    /// <summary>Records why a VM can't return now, and when it is tried again.</summary>
    public static VmRested Hindered(RestingVm resting, string hindrance, ReturnSettings settings, Clocks now)
    {
        var rest = Returns.After(resting.Spec.Restart, EndCause.Failed, false, resting.Tries, null, settings, now.Now) ?? new(null, 0);
        return new(now.Wall, resting.Spec, resting.Overhead, resting.Cause, $"it can't return: {hindrance}", now.WallOf(rest.ReturnAt),
            rest.Tries)
        {
            ImageNeeds = resting.ImageNeeds,
            NeverBooted = resting.NeverBooted,
        };
    }

    /// <summary>Returns the request for a VM that returns; it queues with all others.</summary>
    public static VmRequested Again(HostState state, RestingVm resting, int tries, Moment deadline, Clocks now) =>
        new(now.Wall, resting.Spec, resting.Overhead, now.WallOf(deadline))
        {
            Number = HostAdmissions.NextNumber(state),
            ImageNeeds = resting.ImageNeeds,
            Tries = tries,
            NeverBooted = resting.NeverBooted,
        };

    /// <summary>Explains why the VM can't be asked for as things stand; null where it can.</summary>
    public static string? Hindrance(HostState state, RestingVm resting, HostSettings settings) =>
        Overcommitted(state, resting.Spec.Id, resting.Spec.Policy.Max, settings)
        ?? HostAdmissions.Never(state, resting.Spec, resting.Overhead, resting.ImageNeeds);

    /// <summary>
    /// Explains why a VM may not have that max beside all VMs that run, are being created or are to return; null where it may.
    /// </summary>
    public static string? Overcommitted(HostState state, VmId id, MemorySize max, HostSettings settings)
    {
        var others = state.Vms.Where(vm => vm.Key != id).Select(vm => vm.Value.Policy.Max)
            .Concat(state.Admissions.Where(a => a.Key != id).Select(a => a.Value.Spec.Policy.Max))
            .Concat(state.Resting.Where(vm => vm.Key != id && vm.Value.IsToReturn).Select(vm => vm.Value.Spec.Policy.Max))
            .Aggregate(MemorySize.Zero, static (sum, size) => sum + size);
        return Overcommit.Refusal(
            id, max, others, state.Ledger.HostMemory.MinusOrZero(state.Ledger.HostReserve), settings.Admission.OvercommitMaxRatio);
    }
}
