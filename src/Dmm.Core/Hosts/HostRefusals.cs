using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// All refusals of operators' requests, in the order in which they are checked. Each method returns null where nothing is against the
/// request. Pure.
/// </summary>
public static class HostRefusals
{
    public static HostProtocol.Refused? OfRequest(
        HostState state, VmSpec spec, MemorySize overhead, MemorySize imageNeeds, HostSettings settings) =>
        Drained(state) ?? InUse(state, spec.Id) ?? Foreign(state, spec.Id) ?? Overcommitted(state, spec.Id, spec.Policy.Max, settings)
        ?? Refusal(HostAdmissions.Never(state, spec, overhead, imageNeeds));

    /// <param name="full">Why no more VMs may wait; null where one more may.</param>
    public static HostProtocol.Refused? OfDryRun(HostState state, VmSpec spec, string? full, HostSettings settings) =>
        Drained(state) ?? InUse(state, spec.Id) ?? Foreign(state, spec.Id) ?? Refusal(full)
        ?? Overcommitted(state, spec.Id, spec.Policy.Max, settings);

    /// <param name="readAfter">See <see cref="Host.ReadAfter"/>.</param>
    public static HostProtocol.Refused? OfAdoption(
        HostState state, HostProtocol.AdoptVm adopt, Moment readAfter, HostSettings settings)
    {
        var id = adopt.Handle.Id;
        // The memory of a VM that was forgotten is taken already.
        var known = state.LetGoAs(adopt.Handle);
        var ledger = known is { } name ? state.Ledger.Gone(name) : state.Ledger;
        return Drained(state) ?? InUse(state, id) ?? Governed(state, adopt) ?? (known != id ? LetGoUnder(state, id) : null)
            ?? Overcommitted(state, id, adopt.Policy.Max, settings) ?? Outdated(adopt, readAfter) ?? NoRoom(ledger, adopt)
            ?? NotGuaranteed(state, ledger, id, adopt.Policy.Min, adopt.Overhead);
    }

    /// <summary>Checks another policy for a VM that runs.</summary>
    public static HostProtocol.Refused? OfPolicy(
        HostState state, HostProtocol.SetPolicy set, VmRecord vm, VmPolicy policy, VmProtocol.Report? report, HostSettings settings)
    {
        var id = set.Vm;
        if (policy.Fault() is { } fault)
            return Refusal($"{id}: {fault}");
        if (set.Restart is not null && vm.Spec is null)
        {
            return Refusal(
                $"{id}: somebody else started it, so DMM can't create it again; only a VM that 'dmm vm create' made has a restart "
                    + $"policy");
        }

        if (set.Max > vm.Policy.Max && Overcommitted(state, id, policy.Max, settings) is { } overcommitted)
            return overcommitted;
        var most = report is { Capabilities: { } can, Sizes: { } sizes } ? sizes.Base + can.ExtendableTo : policy.Max;
        if (set.Max > most)
            return Refusal(
                $"{id}: max {set.Max} is more than the {most} that its devices, and those that can be added while it runs, allow");
        return set.Min > vm.Policy.Min ? NotGuaranteed(state, state.Ledger, id, policy.Min, vm.Overhead) : null;
    }

    /// <summary>Checks another policy for a VM that does not run.</summary>
    public static HostProtocol.Refused? OfPolicy(
        HostState state, HostProtocol.SetPolicy set, RestingVm resting, VmPolicy policy, HostSettings settings) =>
        policy.Fault() is { } fault ? Refusal($"{set.Vm}: {fault}")
        : policy.Max > resting.Spec.Policy.Max && resting.IsToReturn ? Overcommitted(state, set.Vm, policy.Max, settings)
        : null;

    public static HostProtocol.Refused? OfTarget(HostProtocol.ResizeVm resize, VmRecord vm) =>
        resize.Target is { } wanted && (wanted < vm.Policy.Min || wanted > vm.Policy.Max)
            ? Refusal(
                $"{resize.Vm}: {wanted} is outside its policy, min {vm.Policy.Min} to max {vm.Policy.Max}; change that first with 'dmm "
                    + $"vm set'")
            : null;

    /// <summary>Checks the start of a VM that does not run.</summary>
    public static HostProtocol.Refused? OfStart(HostState state, HostProtocol.StartVm start, HostSettings settings) =>
        state.Resting.TryGetValue(start.Vm, out var resting)
            ? Drained(state) ?? Refusal((start.Force ? null : HostEnds.Doubt(resting)) ?? HostEnds.Hindrance(state, resting, settings))
            : state.Vms.ContainsKey(start.Vm) ? new(HostProtocol.RefusalKind.Conflict, $"{start.Vm} runs already")
            : state.Admissions.ContainsKey(start.Vm) ? new(HostProtocol.RefusalKind.Conflict, $"{start.Vm} is being created already")
            : NoneRuns(state, start.Vm);

    /// <summary>The refusal where there is no such VM, or it does not run.</summary>
    public static HostProtocol.Refused NoneRuns(HostState state, VmId id) => state.Resting.ContainsKey(id)
        ? new(HostProtocol.RefusalKind.Conflict, $"{id} does not run; 'dmm vm start {id}' starts it")
        : new(HostProtocol.RefusalKind.NotFound, $"there is no VM {id} on this host; 'dmm vm list' shows all VMs");

    /// <summary>The refusal of every VM by a host that is drained.</summary>
    private static HostProtocol.Refused? Drained(HostState state) => state.Drain is null ? null
        : new(HostProtocol.RefusalKind.Conflict, HostAdmissions.WhyDrained);

    private static HostProtocol.Refused? InUse(HostState state, VmId id) =>
        state.Vms.ContainsKey(id) || state.Admissions.ContainsKey(id)
            ? new(HostProtocol.RefusalKind.Conflict, $"there is a VM {id} on this host already; use another name")
            : state.Resting.ContainsKey(id)
                ? new(
                    HostProtocol.RefusalKind.Conflict,
                    $"there is a VM {id} on this host already, which does not run: 'dmm vm start {id}', 'dmm vm forget {id}', or use "
                        + $"another name")
                : null;

    /// <summary>
    /// Refuses a name whose let-go VM was started by somebody else: a launch would not find that VM, and there would be two under one name.
    /// </summary>
    private static HostProtocol.Refused? Foreign(HostState state, VmId id) =>
        state.LetGo.TryGetValue(id, out var vm) && !vm.Owned ? LetGoUnder(state, id) : null;

    private static HostProtocol.Refused? LetGoUnder(HostState state, VmId id) => state.LetGo.ContainsKey(id)
        ? new(HostProtocol.RefusalKind.Conflict, $"another VM {id}, which DMM was told to forget, still runs; use another name")
        : null;

    /// <summary>
    /// Refuses a process that is governed already: under two names it would be claimed twice, and two actors would resize one balloon.
    /// </summary>
    private static HostProtocol.Refused? Governed(HostState state, HostProtocol.AdoptVm adopt)
    {
        var name = state.GovernedAs(adopt.Handle)
            // Its launch may still be under way: then its process is not known here yet.
            ?? (adopt.LaunchedAs is { } launched && (state.Vms.ContainsKey(launched) || state.Admissions.ContainsKey(launched)) ? launched
                : null);
        return name is { } governed
            ? new(HostProtocol.RefusalKind.Conflict, $"{adopt.Handle.Whereabouts()} is governed as {governed} already")
            : null;
    }

    /// <summary>
    /// A VM that was governed when its devices were read may have been made larger since, until it was let go.
    /// </summary>
    private static HostProtocol.Refused? Outdated(HostProtocol.AdoptVm adopt, Moment readAfter) => readAfter > adopt.ReadAt
        ? new(HostProtocol.RefusalKind.Unavailable, $"the devices of {adopt.Handle.Id} may have changed since they were read: try again")
        {
            Soon = true,
        }
        : null;

    private static HostProtocol.Refused? NoRoom(Ledger ledger, HostProtocol.AdoptVm adopt)
    {
        var (id, can) = (adopt.Handle.Id, adopt.Ceiling + adopt.Overhead);
        var size = MemorySize.Max(can, adopt.Resident?.Size ?? MemorySize.Zero);
        if (size <= ledger.Free)
            return null;
        var free = ledger.Unleased().Free;
        return size <= free
            ? new(HostProtocol.RefusalKind.Unavailable, $"a part of the memory that {id} needs is on lease and comes back now: try again")
            {
                Soon = true,
            }
            : Refusal(
                $"{id} can become {adopt.Ceiling} with its devices as they are, and needs about {adopt.Overhead} "
                    + $"of overhead{(size > can ? $", and its process holds {size}" : "")}, "
                    + $"but only {free} of dmm.host.memory {ledger.HostMemory} are free");
    }

    private static HostProtocol.Refused? Overcommitted(HostState state, VmId id, MemorySize max, HostSettings settings) =>
        Refusal(HostEnds.Overcommitted(state, id, max, settings));

    private static HostProtocol.Refused? NotGuaranteed(HostState state, Ledger ledger, VmId id, MemorySize min, MemorySize overhead) =>
        Guarantees.Missing(ledger, state.Policies(), id, min, overhead) is { IsZero: false } missing
            ? Refusal(
                $"{id}: min {min} can't be guaranteed: with the peers' mins, this host lacks {missing}{Guarantees.Keepers(ledger)}")
            : null;

    private static HostProtocol.Refused? Refusal(string? why) => why is null ? null : new(HostProtocol.RefusalKind.Refused, why);
}
