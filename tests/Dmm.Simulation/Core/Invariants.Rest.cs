using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Simulation.Core;

/// <summary>The rules that must hold at the end of every calm: everything is at rest.</summary>
internal sealed partial class Invariants
{
    /// <summary>Nothing is under way, no request is open, and each VM has what it was promised.</summary>
    public bool Settled() => Unsettled() is null;

    public void NotSettled() =>
        throw new ViolationException(
            "not settled", $"{Unsettled()} {World.SettlesWithin.TotalMinutes} minutes after the world began to behave");

    private string? Unsettled()
    {
        if (world.Daemon is not { } daemon)
            return "no daemon";
        if (!daemon.Quiet)
            return "messages wait";
        if (!daemon.State.Admissions.IsEmpty)
            return $"{daemon.State.Admissions.First().Key} is still being created";
        if (daemon.State.Ledger.Deficit > Unavoidable(daemon.State))
            return $"a deficit of {daemon.State.Ledger.Deficit}";
        if (daemon.State.Resting.FirstOrDefault(vm => vm.Value.ReturnAt is not null) is { Value: not null } returns)
            return $"{returns.Key} is still to return: {returns.Value.Why}";
        if (world.Unmet(daemon.State) is { } unmet)
            return unmet;
        foreach (var (id, vm) in daemon.State.Vms)
        {
            var process = world.ProcessOf(id);
            if (process is not { Running: true })
                return $"{id} has ended, but the host does not know it";
            if (!daemon.Shells.TryGetValue(id, out var shell) || shell.Memory.Phase != VmPhase.Settled)
                return $"{id} is {shell?.Memory.Phase} ({shell?.Memory.Why}) at {process.Guest.Held}, target {vm.Promise.Target}";
            if (vm.Stop is { } order)
                return $"{id} is to stop within {order.Grace}{(order.Kill ? ", or be ended" : "")}, and runs";
            if (shell.Memory.Target is null)
                return $"{id} was not told its target, {vm.Promise.Target}";
            if (vm.Promise.Granted > vm.Promise.Target + Tolerance)
                return $"{id} was granted {vm.Promise.Granted} and is to be {vm.Promise.Target}";
            var distance = Ladder.Distance(process.Guest.Held, Ladder.Reachable(shell.Memory, vm.Promise.Target));
            if (distance > Tolerance)
                return $"{id} has {process.Guest.Held}, its target is {vm.Promise.Target}";
            var claim = daemon.State.Ledger.Claims[id];
            if (Ladder.Distance(process.Guest.Held, claim.Actual) > Tolerance)
                return $"{id} has {process.Guest.Held}, the ledger says {claim.Actual}";
        }

        if (daemon.Shells.Keys.FirstOrDefault(id => !daemon.State.Vms.ContainsKey(id)) is { Name.Length: > 0 } nobody)
            return $"an actor of {nobody} is left, although that VM is not governed";
        if (daemon.Unanswered is { } open)
            return open;
        if (!daemon.AllHeard)
            return "no notice says that every VM has reported";
        return world.Agenda.Now - daemon.ChangedAt < TimeSpan.FromSeconds(2) ? "promises change" : null;
    }

    /// <summary>
    /// The world may have made a VM larger than this host has room for before it was let go; nobody can shrink it then. The amount by
    /// which its memory and the guarantees exceed the host stays a deficit until its process is gone (docs/develop/decisions/0022). A VM
    /// at its min may have a part of a block more.
    /// </summary>
    private static MemorySize Unavoidable(HostState state) => state.Ledger.Loose.IsZero
        ? MemorySize.Zero
        : state.Vms.Aggregate(state.Ledger.Fixed, (sum, vm) => sum + vm.Value.Policy.Min + Tolerance + state.Ledger.Claims[vm.Key].Overhead)
        .MinusOrZero(state.Ledger.HostMemory);
}
