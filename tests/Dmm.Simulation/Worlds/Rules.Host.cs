using Dmm.Core;
using Dmm.Core.Hosts;

namespace Dmm.Simulation.Worlds;

/// <summary>
/// The rules that compare what was promised with what is really there. <c>truth</c> is the fold of all events that were ever written:
/// what was promised, regardless of what the present daemon has heard.
/// </summary>
internal static partial class Rules
{
    /// <summary>No process of a VM that rests runs.</summary>
    public static Amiss? RestingAreGone<TVm>(HostState state, World<TVm> world)
        where TVm : WorldVm =>
        state.Resting.Keys.FirstOrDefault(id => world.Find(id) is not null) is { Name.Length: > 0 } running
            ? new("a VM that rests but is not gone", $"{running} rests, and a process of it runs")
            : null;

    /// <summary>Nobody else may hold the memory that VMs hold which were let go and run.</summary>
    public static Amiss? LetGoCounts<TVm>(HostState state, HostState truth, World<TVm> world)
        where TVm : WorldVm
    {
        var loose = LetGoAndRunning(truth, world).Aggregate(MemorySize.Zero, (sum, id) => sum + truth.Ledger.LetGo[id]);
        return state.Ledger.Loose >= loose
            ? null
            : new("let go and promised to others",
                $"{loose} may be held by VMs that were let go and run; the ledger says {state.Ledger.Loose}");
    }

    public static IEnumerable<VmId> LetGoAndRunning<TVm>(HostState truth, World<TVm> world)
        where TVm : WorldVm =>
        truth.LetGo.Where(vm => world.Runs(vm.Value)).Select(vm => vm.Key);

    /// <summary>The memory that this VM was promised; zero if nothing was.</summary>
    public static MemorySize Promised(HostState truth, WorldVm vm) =>
        // A VM of the same name may be wanted while the one that was let go still runs.
        vm.LetGo && truth.Ledger.LetGo.TryGetValue(vm.Id, out var held) ? held
        : truth.Vms.TryGetValue(vm.Id, out var governed) ? governed.Promise.Granted + governed.Promise.Lease
        : truth.Admissions.TryGetValue(vm.Id, out var admission) ? admission.Boot ?? admission.Spec.Boot
        : truth.Ledger.LetGo.GetValueOrDefault(vm.Id);

    /// <summary>
    /// What a process costs beside its VM's memory stays counted once a ledger has counted it, whichever daemon or VM's actor starts anew.
    /// </summary>
    /// <param name="changes">Whether the cost of this VM has just changed: a measurement from before may be under way.</param>
    public static Amiss? Costs<TVm>(HostState state, World<TVm> world, Func<TVm, bool> changes)
        where TVm : WorldVm
    {
        foreach (var (id, claim) in state.Ledger.Claims)
        {
            if (world.Find(id) is not { LetGo: false } vm || changes(vm))
                continue;
            if (claim.Overhead < vm.Counted)
                return new("a cost that is forgotten", $"{id} costs {vm.Cost}, of which {vm.Counted} were counted: {claim}");
            vm.Counted = MemorySize.Min(vm.Cost, claim.Overhead);
        }

        return null;
    }

    /// <summary>
    /// The devices of no VM, as they were told, let it become more than it was promised. The sum of the most that all VMs may become,
    /// including VMs that were let go, fits the host.
    /// </summary>
    /// <param name="mayExceed">Whether the world has made this VM larger than it was promised.</param>
    /// <param name="memory">The memory that there is for all of them; null if the world has made their sum larger.</param>
    public static Amiss? Devices<TVm>(IReadOnlyList<TVm> running, HostState truth, Func<TVm, bool> mayExceed, MemorySize? memory)
        where TVm : WorldVm
    {
        var sum = MemorySize.Zero;
        foreach (var vm in running)
        {
            var (ceiling, promised) = (vm.Ceiling, Promised(truth, vm));
            sum += ceiling + vm.Cost;
            if (ceiling > promised && !promised.IsZero && !mayExceed(vm))
                return new("more held than promised", $"{vm.Id} can become {ceiling} and was promised {promised}");
        }

        return sum <= (memory ?? sum)
            ? null
            : new("more allowed than there is",
                $"devices let VMs have {sum} of {memory}: {string.Join(", ", running.Select(vm => $"{vm.Id} {vm.Guest.Sizes}"))}");
    }

    /// <summary>
    /// What a VM really has of the host is claimed for it: what its process holds, and what its devices, as they were told, let it become.
    /// With <see cref="Sum"/>, which bounds the claims, the host's memory is not promised twice, also while there is a deficit.
    /// </summary>
    /// <param name="unknown">Whether the world has made this VM larger, and no ledger can know it yet.</param>
    public static Amiss? Claimed<TVm>(IReadOnlyList<TVm> running, HostState state, Func<TVm, bool> unknown)
        where TVm : WorldVm
    {
        foreach (var vm in running)
        {
            if (vm.LetGo || !state.Ledger.Claims.TryGetValue(vm.Id, out var claim) || !state.Vms[vm.Id].Handle.SameProcess(vm.Handle))
                continue;
            // What it costs beside its memory is claimed once it is measured (see Costs).
            var cost = MemorySize.Min(vm.Cost, claim.Overhead);
            if (MemorySize.Max(vm.Ceiling, vm.Guest.OnHost) + cost > claim.Size && !unknown(vm))
                return new("more held than claimed", $"{vm.Id} can become {vm.Ceiling}, its process holds {vm.Resident}: {claim}");
        }

        return null;
    }

    /// <summary>The memory that processes really hold fits the host, whatever their guests say that they gave.</summary>
    /// <param name="memory">The memory that there is for them.</param>
    public static Amiss? Processes(IReadOnlyList<WorldVm> running, MemorySize memory)
    {
        var sum = MemorySize.Zero;
        foreach (var vm in running)
            sum += vm.Resident;
        return sum <= memory
            ? null
            : new("more held than there is", $"processes hold {sum} of {memory}: {string.Join(", ", running.Select(vm =>
                $"{vm.Id} {vm.Resident} for {vm.Guest.Sizes.Actual}{(vm.Opaque ? ", unknown" : "")}"))}");
    }
}
