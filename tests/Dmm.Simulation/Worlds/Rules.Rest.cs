using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Simulation.Worlds;

/// <summary>The rules that hold once the world has behaved for a while: nothing is under way, and the ledger is true.</summary>
internal static partial class Rules
{
    /// <summary>A guest moves by blocks.</summary>
    private static readonly MemorySize Block = MemorySize.FromMiB(2);

    /// <summary>
    /// The journal's VMs are those that run, nothing is reserved, and each VM has what it was promised, which is what the ledger claims.
    /// </summary>
    /// <param name="unavoidable">The deficit that may be left, as far as this depth can see it.</param>
    /// <param name="reachable">The size nearest to this target that the VM can reach, as far as this depth knows.</param>
    public static string? Unsettled<TVm>(
        HostState state, World<TVm> world, MemorySize unavoidable, Func<VmId, MemorySize, MemorySize> reachable)
        where TVm : WorldVm
    {
        if (state.Ledger.Deficit > unavoidable)
            return $"claims still exceed the host by {state.Ledger.Deficit}";
        if (state.Resting.FirstOrDefault(vm => vm.Value.ReturnAt is not null) is { Value: not null } returns)
            return $"{returns.Key} is still to return: {returns.Value.Why}";
        if (!state.Admissions.IsEmpty || !state.Ledger.Reservations.IsEmpty)
            return $"still wanted: {Names(state.Admissions.Keys)}; still set aside: {Names(state.Ledger.Reservations.Keys)}";
        var running = world.Running.Where(static vm => !vm.LetGo).Select(static vm => vm.Id);
        if (!state.Vms.Keys.SequenceEqual(running))
            return $"the journal has {Names(state.Vms.Keys)}, but {Names(running)} run";
        foreach (var (id, vm) in state.Vms)
        {
            if (Unsettled(id, vm, world.ProcessOf(id)!, state.Ledger.Claims[id].Actual, reachable) is { } amiss)
                return amiss;
        }

        return world.Running.FirstOrDefault(static vm => vm is { LetGo: true, Connections: > 0 }) is { } loose
            ? $"{loose.Id} is not governed, and a connection to it is held"
            : null;
    }

    private static string? Unsettled(
        VmId id, VmRecord vm, WorldVm real, MemorySize claimed, Func<VmId, MemorySize, MemorySize> reachable)
    {
        var (has, target) = (real.Guest.Held, vm.Promise.Target);
        if (vm.Drain is { } drain)
            return $"{id} is to end by a drain, {drain}";
        if (vm.Stop is { } order)
            return $"{id} is to stop within {order.Grace}{(order.Kill ? ", or be ended" : "")}, and runs";
        if (Ladder.Distance(has, reachable(id, target)) > Block)
            return $"{id} has {has}, and its target is {target}";
        // A guest was reset while no daemon was there: a figure that is hardly wrong is left as it is.
        var unseen = real.Guest.FigureStands ? new MechanismProfile().Tolerance : MemorySize.Zero;
        if (Ladder.Distance(claimed, has) > unseen)
            return $"{id} has {has}, and the ledger says {claimed}";
        if (vm.Promise.Granted > target + Block)
            return $"{id} is granted {vm.Promise.Granted}, and its target is {target}";
        return real.Connections == 1 ? null : $"{id} has {real.Connections} connections";
    }

    /// <summary>
    /// The world may have made a VM larger than this host has room for before it was let go; nobody can shrink it then. The amount by
    /// which its memory and the guarantees exceed the host stays a deficit until its process is gone (docs/develop/decisions/0022). A VM
    /// at its min may have a part of a block more.
    /// </summary>
    public static MemorySize Unavoidable(HostState state) => state.Ledger.Loose.IsZero
        ? MemorySize.Zero
        : state.Vms.Aggregate(state.Ledger.Fixed, (sum, vm) => sum + vm.Value.Policy.Min + Block + state.Ledger.Claims[vm.Key].Overhead)
        .MinusOrZero(state.Ledger.HostMemory);
}
