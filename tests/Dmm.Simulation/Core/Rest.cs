using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Core;

/// <summary>
/// Whether a VM that has arrived is left alone: while its target, what its programs hold and its guest's temper stay as they are and it
/// stands within a few MiB of its target, its devices are asked for no more than a back-off's tries and a spark come to. One that is asked
/// for a little more again and again would count as settled each time.
/// </summary>
internal sealed class Rest(World world)
{
    /// <summary>Longer than most of a back-off's tries (2, 4, 8, 16 s), and than a spark takes to be laid by.</summary>
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(30);

    private const int Most = 12;

    /// <summary>What a guest that keeps some may keep, and a part of a block.</summary>
    private static readonly MemorySize Near = MemorySize.FromMiB(16);

    private readonly Dictionary<VmId, Spell> _spells = [];

    private sealed record Stand(VmShell Shell, MemorySize Target, MemorySize Used, GuestTemper Temper);

    private sealed record Spell(Stand Stand, Moment Since, int Asks);

    /// <summary>Whenever the VM's guest has had its turn.</summary>
    public void Look(SimulatedProcess vm)
    {
        if (StandOf(vm) is not { } stand)
            _spells.Remove(vm.Id);
        else if (_spells.GetValueOrDefault(vm.Id) is not { } spell || spell.Stand != stand || world.Agenda.Now - spell.Since > Span)
            _spells[vm.Id] = new(stand, world.Agenda.Now, 0);
    }

    /// <summary>
    /// It is to have another size, if only for a moment between two turns of its guest: what is asked of its devices then is for that.
    /// </summary>
    public void Told(VmId id) => _spells.Remove(id);

    /// <summary>Its devices are asked for something.</summary>
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
                + $"though it stands at its target {spell.Stand.Target}: {World.Describe(world.ProcessOf(id)!)}");
        }
    }

    private Stand? StandOf(SimulatedProcess vm) =>
        world.Daemon?.Shells.GetValueOrDefault(vm.Id) is { } shell && shell.Memory is { Target: { } target, Sizes: not null } memory
        && !vm.Disturbed && vm.Guest.Temper is (GuestTemper.Ideal or GuestTemper.KeepsSome)
        && Ladder.Distance(vm.Guest.Held, Ladder.Reachable(memory, target)) <= Near
            ? new(shell, target, vm.Guest.Used, vm.Guest.Temper)
            : null;
}
