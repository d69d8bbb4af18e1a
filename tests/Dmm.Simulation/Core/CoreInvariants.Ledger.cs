using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>The rules of the accounts, and when the world itself has broken them.</summary>
internal sealed partial class CoreInvariants
{
    private void HoldsLedger(HostState state)
    {
        ViolationException.ThrowIf(
            Rules.Books(state) ?? Rules.RestingAreGone(state, world) ?? Rules.LetGoCounts(state, world.Journal.Truth, world)
            ?? Rules.Reports(state, id => world.ProcessOf(id) is { Disturbed: true })
            ?? Rules.Costs(state, world, vm => vm.CostAt != default && world.Agenda.Now - vm.CostAt < Measured));
        var worldly = !world.HostLoss.IsZero;
        foreach (var (id, claim) in state.Ledger.Claims)
        {
            var vm = state.Vms[id];
            // A VM's additional overhead shows in the memory of its process before it is measured.
            worldly |= claim.Overhead > vm.Overhead
                || (world.ProcessOf(id) is { } dear
                    && (dear.Cost > vm.Overhead || (dear.CostAt != default && world.Agenda.Now - dear.CostAt < Rumours)));
            // Nobody could know the memory that it keeps.
            worldly |= !claim.Kept.IsZero && world.Daemon?.FirstSeen.TryGetValue(id, out var since) == true
                && world.Agenda.Now - since < Rumours;
            worldly |= world.ProcessOf(id) is { Disturbed: true };
            // What a guest took back is in the ledger from the next look on, and then it is a deficit of the ledger.
            worldly |= world.ProcessOf(id) is { } taker && taker.TookAt != default && world.Agenda.Now - taker.TookAt < Taken;
        }

        var amiss = Rules.Sum(state);
        if (!worldly && !_deficit)
            ViolationException.ThrowIf(amiss);
        _deficit = amiss is not null;
        world.HostLoss = MemorySize.Min(world.HostLoss, state.Ledger.Deficit);
    }
}
