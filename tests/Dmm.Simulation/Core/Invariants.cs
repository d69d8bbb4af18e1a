using Dmm.Core;
using Dmm.Core.Memory;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Core;

/// <summary>The rules that must hold after every step, at every decision, after every recovery, and at the end of every calm.</summary>
internal sealed partial class Invariants(World world)
{
    private static readonly MemorySize Tolerance = MemorySize.FromMiB(2);

    /// <summary>Reports about a VM that was too large may still be under way for this long.</summary>
    private static readonly TimeSpan Rumours = TimeSpan.FromSeconds(4);

    /// <summary>The host hears of a look within this time, however slow the journal is and however many messages wait before it.</summary>
    private static readonly TimeSpan Looked = TimeSpan.FromSeconds(30);

    private Ledger? _checked;
    /// <summary>The world has broken the invariant, and it does not hold again yet.</summary>
    private bool _deficit;

    /// <summary>Checks the rules that must hold after every step.</summary>
    public void Holds()
    {
        // Until its journal is taken up, the host counts VMs that ran before the host restarted; nothing is decided on that.
        if (world.Daemon is { TakenUp: true } daemon && daemon.State.Ledger != _checked)
        {
            HoldsLedger(daemon.State);
            _checked = daemon.State.Ledger;
        }

        FollowsHost();
        HoldsWorld();
    }

    /// <summary>Checks that memory that the host has lost is no longer promised, once a look at it must have been heard of.</summary>
    private void FollowsHost()
    {
        if (world.Daemon is not { } daemon || world.Agenda.Now - world.HasSince < Looked || world.Agenda.Now - daemon.HostSince < Looked)
            return;
        if (daemon.State.Ledger.HostMemory > world.Has)
            throw new ViolationException(
                "a host that is not followed",
                $"the ledger says {daemon.State.Ledger.HostMemory} of a host of {world.Has} since {world.HasSince}");
    }

    /// <summary>Checks that a VM that is to return does so when its time has come.</summary>
    public void Overdue(Daemon daemon)
    {
        foreach (var (id, vm) in daemon.State.Resting)
        {
            if (daemon.InControl && world.Agenda.Now - daemon.HostSince > Looked && world.Now - vm.ReturnAt > Looked)
                throw new ViolationException("a return that is forgotten", $"{id} was to return at {vm.ReturnAt}");
        }
    }

    /// <summary>Ends the disturbance of a VM that the world made larger than promised, once it is back within its promise.</summary>
    public void Calmed(SimulatedProcess vm)
    {
        var wild = vm.Guest.Temper is GuestTemper.GrowsByItself or GuestTemper.LiesAboutBalloon;
        if (wild || vm.Ceiling > Promised(vm.Id) || world.Daemon is not { } daemon
            || !daemon.State.Ledger.Claims.TryGetValue(vm.Id, out var claim) || claim.Actual > claim.Granted)
            vm.DisturbedAt = world.Agenda.Now;
        else if (world.Agenda.Now - vm.DisturbedAt > Rumours)
            vm.Disturbed = false;
    }

    /// <summary>The host needs at least this much memory for its guarantees.</summary>
    public MemorySize LeastMemory(MemorySize reserve)
    {
        var truth = world.Journal.Truth;
        var sum = reserve + truth.Ledger.Reserved + MemorySize.FromMiB(64);
        foreach (var (id, vm) in truth.Vms)
            sum += vm.Policy.Min + MemorySize.FromMiB(128);
        return LetGoAndRunning(truth).Aggregate(sum, (all, id) => all + truth.Ledger.LetGo[id]);
    }

    private MemorySize Promised(VmId id)
    {
        var truth = world.Journal.Truth;
        return truth.Vms.TryGetValue(id, out var vm) ? vm.Promise.Granted
            : truth.Admissions.TryGetValue(id, out var admission) ? admission.Boot ?? admission.Spec.Boot
            : truth.Ledger.LetGo.TryGetValue(id, out var held) ? held
            : MemorySize.Zero;
    }

    /// <summary>
    /// Checks that no VM can hold more of the host than it was promised, now or by what its devices were told, unless the world made it
    /// so. Together with the invariant this means that the sum of what all VMs can hold fits the host.
    /// </summary>
    private void HoldsWorld()
    {
        foreach (var (id, process) in world.Processes)
        {
            if (!process.Running || process.Disturbed)
                continue;
            var promised = Promised(id);
            if (process.Ceiling > promised && !promised.IsZero)
                throw new ViolationException("more held than promised", $"{id} can become {process.Ceiling} and was promised {promised}");
        }

        HoldsHost();
    }

    /// <summary>
    /// Checks that the memory that processes really hold fits the host, whatever their guests say that they gave, unless the world has
    /// made a VM larger or its overhead higher than promised, or the host smaller.
    /// </summary>
    private void HoldsHost()
    {
        if (world.Daemon is not { } daemon || _deficit || !world.HostLoss.IsZero)
            return;
        var held = daemon.State.Ledger.HostReserve;
        foreach (var (id, process) in world.Processes)
        {
            if (!process.Running)
                continue;
            var claim = daemon.State.Ledger.Claims.GetValueOrDefault(id);
            if (process.Disturbed || process.Cost > (claim?.Overhead ?? process.Expected))
                return;
            // Additional overhead, and memory that is kept unseen, is claimed from the next look on.
            if (claim is not null && process.Resident > claim.Size
                && (claim.Resident.IsZero || (process.CostAt != default && world.Agenda.Now - process.CostAt < Rumours)))
                return;
            held += process.Resident;
        }

        if (held > daemon.State.Ledger.HostMemory)
            throw new ViolationException(
                "more held than there is", $"processes hold {held} of {daemon.State.Ledger.HostMemory}, the reserve included");
    }
}
