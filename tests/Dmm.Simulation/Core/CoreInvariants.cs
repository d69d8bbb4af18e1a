using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Machines;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>The rules that must hold after every step, at every decision, after every recovery, and at the end of every calm.</summary>
internal sealed partial class CoreInvariants(CoreWorld world)
{
    /// <summary>Reports about a VM that was too large may still be under way for this long.</summary>
    private static readonly TimeSpan Rumours = TimeSpan.FromSeconds(4);

    /// <summary>A cost is measured this often, and until the next time the last measurement is reported.</summary>
    private static readonly TimeSpan Measured = new VmSettings().OverheadPeriod + Rumours;

    /// <summary>
    /// A look that began before a change may come this much later, and the next one as late: two looks of at most
    /// <see cref="CoreWorld.LatestLook"/>, and a second between them.
    /// </summary>
    private static readonly TimeSpan Looks = CoreWorld.LatestLook * 2 + TimeSpan.FromSeconds(2);

    /// <summary>What a process has taken is claimed within this time, although some looks fail.</summary>
    private static readonly TimeSpan Taken = TimeSpan.FromSeconds(10);

    /// <summary>The host hears of a look within this time, however slow the journal is and however many messages wait before it.</summary>
    private static readonly TimeSpan Looked = TimeSpan.FromSeconds(30);

    private HostState? _checked;
    private Moment? _unfollowedSince;

    /// <summary>The world has broken the invariant, and it does not hold again yet.</summary>
    private bool _deficit;

    /// <summary>Checks the rules that must hold after every step.</summary>
    public void Holds()
    {
        // Until its journal is taken up, the host counts VMs that ran before the host restarted; nothing is decided on that.
        if (world.Daemon is { TakenUp: true } daemon && !ReferenceEquals(daemon.State, _checked))
        {
            HoldsLedger(daemon.State);
            _checked = daemon.State;
        }

        FollowsHost();
        HoldsWorld();
    }

    /// <summary>Checks that memory that the host has lost is no longer promised, once a look at it must have been heard of.</summary>
    private void FollowsHost()
    {
        // What is set aside for a launch counts as if it had been taken already.
        if (world.Daemon is not { } daemon || world.Agenda.Now - world.HasSince < Looked || world.Agenda.Now - daemon.HostSince < Looked
            || daemon.State.Ledger.HostMemory <= world.ThereIs + daemon.State.HeldByLaunches)
        {
            _unfollowedSince = null;
            return;
        }

        // A process that is hidden for a look counts as it was last seen.
        _unfollowedSince ??= world.Agenda.Now;
        if (world.Agenda.Now - _unfollowedSince > Taken)
            throw new ViolationException(
                "a host that is not followed",
                $"the ledger says {daemon.State.Ledger.HostMemory} of {world.ThereIs} that there is since {world.HasSince}");
    }

    /// <summary>Checks that a VM that is to return does so when its time has come.</summary>
    public void Overdue(CoreDaemon daemon)
    {
        foreach (var (id, vm) in daemon.State.Resting)
        {
            if (daemon.InControl && world.Agenda.Now - daemon.HostSince > Looked && world.Now - vm.ReturnAt > Looked)
                throw new ViolationException("a return that is forgotten", $"{id} was to return at {vm.ReturnAt}");
        }
    }

    /// <summary>Ends the disturbance of a VM that the world made larger than promised, once it is back within its promise.</summary>
    public void Calmed(CoreVm vm)
    {
        var wild = vm.Guest.Temper is GuestTemper.GrowsByItself or GuestTemper.LiesAboutBalloon;
        if (wild || vm.Guest.FigureStands || vm.Ceiling > Rules.Promised(world.Journal.Truth, vm) || world.Daemon is not { } daemon
            || !daemon.State.Ledger.Claims.TryGetValue(vm.Id, out var claim) || claim.Actual > claim.Granted + claim.Lease)
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
        return Rules.LetGoAndRunning(truth, world).Aggregate(sum, (all, id) => all + truth.Ledger.LetGo[id]);
    }

    /// <summary>
    /// Checks that no VM can hold more of the host than it was promised, now or by what its devices were told, unless the world made this
    /// VM so; that the ledger claims what each VM really holds, also in a deficit; and that what all VMs can hold fits the host.
    /// </summary>
    private void HoldsWorld()
    {
        var daemon = _deficit || !world.HostLoss.IsZero ? null : world.Daemon;
        MemorySize? memory = daemon is null || world.Running.Any(vm => Unknown(daemon, vm))
            ? null
            : daemon.State.Ledger.HostMemory.MinusOrZero(daemon.State.Ledger.HostReserve);
        ViolationException.ThrowIf(Rules.Devices(world.Running, world.Journal.Truth, static vm => vm.Disturbed, memory)
            ?? (world.Daemon is { TakenUp: true } lives ? Rules.Claimed(world.Running, lives.State, vm => Uncounted(lives, vm)) : null));
    }

    /// <summary>The world has made the VM larger or its overhead higher than promised, and the ledger can't know it yet.</summary>
    private static bool Unknown(CoreDaemon daemon, CoreVm vm) =>
        vm.Disturbed || vm.Cost > (daemon.State.Ledger.Claims.GetValueOrDefault(vm.Id)?.Overhead ?? vm.Expected);

    /// <summary>
    /// The ledger can't know yet what the VM holds: the world made it larger, nobody has looked at its process yet, or it has just taken
    /// memory, which is claimed from the next look on.
    /// </summary>
    private bool Uncounted(CoreDaemon daemon, CoreVm vm) =>
        vm.Disturbed || daemon.State.Ledger.Claims[vm.Id].Resident.IsZero
        || (vm.CostAt != default && world.Agenda.Now - vm.CostAt < Looks)
        || (vm.TookAt != default && world.Agenda.Now - vm.TookAt < Taken);
}
