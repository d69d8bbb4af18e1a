using Dmm.Core.Vms;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>The rules that must hold at the end of every calm: everything is at rest.</summary>
internal sealed partial class CoreInvariants
{
    /// <summary>Nothing is under way, no request is open, and each VM has what it was promised.</summary>
    public bool Settled() => Unsettled() is null;

    public void NotSettled() =>
        throw new ViolationException(
            "not settled", $"{Unsettled()} {CoreWorld.SettlesWithin.TotalMinutes} minutes after the world began to behave");

    private string? Unsettled()
    {
        if (world.Daemon is not { } daemon)
            return "no daemon";
        if (!daemon.Quiet)
            return "messages wait";
        if (world.Unmet(daemon.State) is { } unmet)
            return unmet;
        foreach (var (id, vm) in daemon.State.Vms)
        {
            if (!daemon.Shells.TryGetValue(id, out var shell) || shell.Memory.Phase != VmPhase.Settled)
                return $"{id} is {shell?.Memory.Phase} ({shell?.Memory.Why}) at {world.ProcessOf(id)?.Guest.Held}, target "
                    + $"{vm.Promise.Target}";
            if (shell.Memory.Target is null)
                return $"{id} was not told its target, {vm.Promise.Target}";
        }

        if (Rules.Unsettled(daemon.State, world, Rules.Unavoidable(daemon.State),
            (id, target) => Ladder.Reachable(daemon.Shells[id].Memory, target)) is { } amiss)
            return amiss;
        if (daemon.Shells.Keys.FirstOrDefault(id => !daemon.State.Vms.ContainsKey(id)) is { Name.Length: > 0 } nobody)
            return $"an actor of {nobody} is left, although that VM is not governed";
        if (daemon.Unanswered is { } open)
            return open;
        if (!daemon.AllHeard)
            return "no notice says that every VM has reported";
        return world.Agenda.Now - daemon.ChangedAt < TimeSpan.FromSeconds(2) ? "promises change" : null;
    }
}
