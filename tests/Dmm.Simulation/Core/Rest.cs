using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Core;

/// <summary>
/// Checks that a VM that stands at its target is left alone. As long as its target, its programs' memory and its guest's temper stay the
/// same and it stands within a few MiB of its target, its devices may get only as many orders as a back-off and a spark need. Without
/// this check, a VM that gets a slightly larger order again and again would count as settled each time.
/// </summary>
internal sealed class Rest(CoreWorld world)
{
    /// <summary>
    /// Longer than the first waits of a back-off (2 s, then 1, 2, 4, 8 and 16 s), and longer than it takes to save up a spark.
    /// </summary>
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(30);

    private const int Most = 12;

    /// <summary>The amount that a guest of temper <see cref="GuestTemper.KeepsSome"/> may keep, and a part of a block.</summary>
    private static readonly MemorySize Near = MemorySize.FromMiB(16);

    private readonly Dictionary<VmId, Spell> _spells = [];

    private sealed record Stand(VmShell Shell, MemorySize Target, MemorySize Used, GuestTemper Temper);

    private sealed record Spell(Stand Stand, Moment Since, int Asks);

    /// <summary>Called whenever the VM's guest has had its turn.</summary>
    public void Look(CoreVm vm)
    {
        if (StandOf(vm) is not { } stand)
            _spells.Remove(vm.Id);
        else if (_spells.GetValueOrDefault(vm.Id) is not { } spell || spell.Stand != stand || world.Agenda.Now - spell.Since > Span)
            _spells[vm.Id] = new(stand, world.Agenda.Now, 0);
    }

    /// <summary>
    /// Called when the VM gets another target, if only for a moment between two turns of its guest: orders to its devices are for that
    /// target.
    /// </summary>
    public void Told(VmId id) => _spells.Remove(id);

    /// <summary>Called for each order to its devices.</summary>
    public void Asked(VmId id)
    {
        if (_spells.GetValueOrDefault(id) is not { } spell)
            return;
        _spells[id] = spell with { Asks = spell.Asks + 1 };
        if (spell.Asks >= Most)
        {
            throw new ViolationException(
                "no rest",
                $"{id} was asked for something {spell.Asks + 1} times in {(world.Agenda.Now - spell.Since).TotalSeconds:0} s, "
                + $"though it stands at its target {spell.Stand.Target}: {CoreWorld.Describe(world.ProcessOf(id)!)}");
        }
    }

    private Stand? StandOf(CoreVm vm) =>
        world.Daemon?.Shells.GetValueOrDefault(vm.Id) is { } shell && shell.Memory is { Target: { } target, Sizes: not null } memory
        && !vm.Disturbed && world.Agenda.Now >= vm.CriesUntil && vm.Guest.Temper is (GuestTemper.Ideal or GuestTemper.KeepsSome)
        && Ladder.Distance(vm.Guest.Held, Ladder.Reachable(memory, target)) <= Near
            ? new(shell, target, vm.Guest.Used, vm.Guest.Temper)
            : null;
}
