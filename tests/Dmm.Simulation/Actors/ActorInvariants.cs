using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
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
    public static Amiss? Physical(ActorWorld world, HostState truth, HostSettings host)
    {
        // In a deficit peers still have to give what a guest took.
        var (all, broken) = (host.Memory - host.Reserve, world.Broken || world.InDeficit);
        return Rules.Devices(world.Running, truth, static vm => vm.Wild, broken ? null : all)
            // Memory that an opaque process keeps is treated like another program's: it may lie in the reserve and in the margin. Nobody
            // can keep a guest from touching what it gave: just that much more may be held.
            ?? (broken ? null : Rules.Processes(
                world.Running, world.TakenBack + (world.KeepsUnseen ? host.Memory + SimulatedMonitor.Spare : all)));
    }

    /// <summary>The rules of the accounts, after every step.</summary>
    public static Amiss? Books(ActorWorld world, HostState state)
    {
        var sum = Rules.Sum(state);
        var excused = world.Broken || world.Crowded;
        world.InDeficit = sum is not null && excused;
        return Rules.Books(state) ?? Rules.Reports(state, id => world.ProcessOf(id) is { Wild: true }) ?? (excused ? null : sum)
            ?? Rules.Costs(state, world, static _ => false);
    }

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
            if (!status.Reports.TryGetValue(id, out var report) || report.Phase != VmPhase.Settled
                || (report.Why is not null && !TakesNone(id)))
                return $"{id} is {report?.Phase}, {report?.Why}, at {world.ProcessOf(id)?.Guest.Held} of {vm.Promise}";
        }

        // A VM that is let go here was sized by DMM, so its guarantee and those of the others fit the host: no deficit may be left.
        return Rules.Unsettled(status.State, world, unavoidable: MemorySize.Zero,
            (id, target) => TakesNone(id) ? MemorySize.Min(target, status.Reports[id].Most ?? target) : target);

        // A guest without a driver, or without anybody who brings new memory online, does not become what it must have.
        bool TakesNone(VmId id) => status.Reports[id].Declines
            && world.ProcessOf(id)?.Guest.Temper is GuestTemper.IgnoresPlug or GuestTemper.NeverOnlines;
    }
}
