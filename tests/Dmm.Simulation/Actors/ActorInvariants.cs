using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>The rules as the actors' world can ask for them, and those of its own. Each returns what is wrong, or null.</summary>
internal static class ActorInvariants
{
    /// <summary>
    /// The rules of the host, after every step. A guest that takes memory by itself, or lies about its balloon, breaks them through no
    /// fault of DMM's.
    /// </summary>
    /// <param name="truth">The fold of all events that were ever written.</param>
    public static Amiss? Physical(ActorWorld world, HostState truth, HostSettings host) => world.Broken ? null
        : Rules.Devices(world.Running, truth, static _ => false, host.Memory - host.Reserve)
        // Memory that an opaque process keeps is treated like another program's: it may lie in the reserve and in the margin.
        ?? Rules.Processes(world.Running, world.KeepsUnseen ? host.Memory + SimulatedMonitor.Spare : host.Memory - host.Reserve);

    /// <summary>The rules of the accounts, after every step.</summary>
    public static Amiss? Books(ActorWorld world, HostState state) =>
        Rules.Books(state) ?? (world.Broken ? null : Rules.Reports(state, static _ => false))
        ?? (world.Broken || world.Crowded ? null : Rules.Sum(state))
        ?? Rules.Costs(state, world, static _ => false);

    /// <summary>The rules of VMs that are gone from the host's books, or from the host.</summary>
    public static Amiss? Gone(ActorWorld world, HostState truth, HostState state)
    {
        // A write may have failed for its writer, and be done: until the host has started anew, it still claims what was let go.
        var unheard = truth.LetGo.Keys.Any(state.Vms.ContainsKey);
        return Rules.RestingAreGone(state, world) ?? (unheard ? null : Rules.LetGoCounts(state, truth, world));
    }

    /// <summary>Checks once all is calm that everything has come to rest.</summary>
    public static string? Settled(HostProtocol.Status status, ActorWorld world)
    {
        foreach (var (id, vm) in status.State.Vms)
        {
            if (!status.Reports.TryGetValue(id, out var report) || report.Phase != VmPhase.Settled || report.Why is not null)
                return $"{id} is {report?.Phase}, {report?.Why}, at {world.ProcessOf(id)?.Guest.Held} of {vm.Promise}";
        }

        // A VM that is let go here was sized by DMM, so its guarantee and those of the others fit the host: no deficit may be left.
        return Rules.Unsettled(status.State, world, unavoidable: MemorySize.Zero, static (_, target) => target);
    }
}
