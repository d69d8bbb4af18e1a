using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// Ends of VMs and their returns as events: one tells that a VM has ended and what becomes of it (docs/use/lifecycle.md). Pure.
/// </summary>
public static class HostEnds
{
    /// <summary>Heard of, or up by its deadline where its guest need not speak.</summary>
    public static bool HasBooted(VmRecord vm, VmProtocol.Report report) =>
        report.Hello is not null || report.Sample is not null
        || (vm.Spec is { BootCheck: BootCheck.None }
            && report.Phase is not (VmPhase.Booting or VmPhase.Lost or VmPhase.Paused or VmPhase.Stopped));

    /// <summary>What its run state says of whether it may run elsewhere, where that is new.</summary>
    public static IHostEvent? Moved(VmRecord vm, VmProtocol.Report report, DateTimeOffset now) =>
        // Before the VM is in hand nothing is known of whether it runs.
        report.Confirmation is null || report.Capabilities is null || vm.MigratedAway == report.RunState.MayRunElsewhere() ? null
        : report.RunState.MayRunElsewhere() ? new VmMigratedAway(now, report.Vm)
        : report.RunState == VmRunState.Running && report.Phase is not (VmPhase.Lost or VmPhase.Stopped)
        ? new VmMigrationUndone(now, report.Vm)
        : null;

    /// <summary>Its process has ended.</summary>
    public static IHostEvent Ended(VmRecord vm, EndCause cause, string why, ReturnSettings settings, Clocks now)
    {
        if (vm.Unwanted || vm.BootedAt is not null || cause is not (EndCause.Failed or EndCause.PoweredDown))
            return EndOf(vm, cause, why, settings, now);
        // That a guest which never spoke powered down was meant all the same, where somebody asked for what was meant to be heeded.
        var meant = cause == EndCause.PoweredDown && vm.Spec?.Restart == RestartPolicy.OnFailure;
        return EndOf(
            vm, meant || vm.EverBooted ? cause : EndCause.NeverBooted, $"it ended before its guest was heard of: {why}", settings, now);
    }

    /// <summary>What becomes of a VM that does not run any more.</summary>
    public static IHostEvent EndOf(VmRecord vm, EndCause cause, string why, ReturnSettings settings, Clocks now)
    {
        if (vm.MigratedAway || cause == EndCause.MigratedAway)
            (cause, why) = (EndCause.MigratedAway, $"it was migrated away: {why}");
        else if (vm.Unwanted)
            cause = EndCause.Stopped;
        return vm.Spec is { } spec
            && Returns.After(spec.Restart, cause, vm.Unwanted, vm.Tries, now.Now - vm.BootedAt, settings, now.Now) is { } rest
            ? new VmRested(
                now.Wall, AfterBoot(spec.Under(vm.Policy), vm, cause), vm.Overhead, cause, why, now.WallOf(rest.ReturnAt), rest.Tries)
            {
                ImageNeeds = vm.ImageNeeds,
                NeverBooted = !vm.EverBooted,
            }
            : new VmEnded(now.Wall, vm.Handle.Id, why) { Cause = cause };
    }

    /// <summary>
    /// A first creation that comes to nothing is over; a return is tried again, or the VM stays stopped where its operator wants it no
    /// more.
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
            now.Wall, admission.Spec, admission.Overhead, cause, cancelled ? why : $"its start came to nothing: {why}",
            now.WallOf(rest.ReturnAt), rest.Tries)
        {
            ImageNeeds = admission.ImageNeeds,
            NeverBooted = admission.NeverBooted,
        };
    }

    /// <summary>It does not return: its operator wants it no more.</summary>
    public static VmRested Stays(RestingVm resting, Clocks now) =>
        new(now.Wall, resting.Spec, resting.Overhead, EndCause.Stopped, resting.Why, null, 0)
        {
            ImageNeeds = resting.ImageNeeds,
            NeverBooted = resting.NeverBooted,
        };

    /// <summary>Why an operator's start is not simply followed; null where nothing speaks against it.</summary>
    public static string? Doubt(RestingVm resting) => resting.Cause == EndCause.MigratedAway
        ? $"{resting.Spec.Id} was migrated away and may run elsewhere, on the same disk: two at once would ruin it. Where it does not, "
            + $"'dmm vm start {resting.Spec.Id} --force' starts it here; 'dmm vm forget {resting.Spec.Id}' lets it be forgotten"
        : null;

    /// <summary>
    /// One that was started early, with less than it asked, and was never heard of may have had too little: the next time it waits for
    /// all of it.
    /// </summary>
    private static VmSpec AfterBoot(VmSpec spec, VmRecord vm, EndCause cause) =>
        cause == EndCause.NeverBooted && vm.Handle.Base < spec.Boot ? spec with { BootPolicy = BootPolicy.Full } : spec;

    /// <summary>Those whose time to return has come, in the order in which they are asked for.</summary>
    public static IReadOnlyList<RestingVm> Due(HostState state, Moment now) =>
        [.. state.Resting.Where(vm => vm.Value.ReturnAt <= now)
            .OrderByDescending(vm => vm.Value.Spec.Priority).ThenBy(vm => vm.Value.Since).ThenBy(vm => vm.Key).Select(vm => vm.Value)];

    /// <summary>Why it can't return now, and when that is tried again.</summary>
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

    /// <summary>The VM is asked for, in the queue with all others.</summary>
    public static VmRequested Again(HostState state, RestingVm resting, int tries, Moment deadline, Clocks now) =>
        new(now.Wall, resting.Spec, resting.Overhead, now.WallOf(deadline))
        {
            Number = HostAdmissions.NextNumber(state),
            ImageNeeds = resting.ImageNeeds,
            Tries = tries,
            NeverBooted = resting.NeverBooted,
        };

    /// <summary>Why it can't be asked for as things stand; null where it can.</summary>
    public static string? Hindrance(HostState state, RestingVm resting, HostSettings settings) =>
        Overcommitted(state, resting.Spec.Id, resting.Spec.Policy.Max, settings)
        ?? HostAdmissions.Never(state, resting.Spec, resting.Overhead, resting.ImageNeeds);

    /// <summary>Why a VM may not have that max beside all that run, are being created or are to return; null where it may.</summary>
    public static string? Overcommitted(HostState state, VmId id, MemorySize max, HostSettings settings)
    {
        var others = state.Vms.Where(vm => vm.Key != id).Select(vm => vm.Value.Policy.Max)
            .Concat(state.Admissions.Where(a => a.Key != id).Select(a => a.Value.Spec.Policy.Max))
            .Concat(state.Resting.Where(vm => vm.Key != id && vm.Value.ReturnAt is not null).Select(vm => vm.Value.Spec.Policy.Max))
            .Aggregate(MemorySize.Zero, static (sum, size) => sum + size);
        return Overcommit.Refusal(id, max, others, state.Ledger.HostMemory.MinusOrZero(state.Ledger.HostReserve), settings.OvercommitMax);
    }
}
