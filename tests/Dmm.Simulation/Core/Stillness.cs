using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Core;

/// <summary>
/// Checks liveness: a VM that can move must move. If its guest obeys and it is on its way to a target, connected and heard of, it moves
/// again within <see cref="Within"/>. Checks of safety alone would not see a lost wake-up: the next plan, retry or restart hides it in
/// the end, while a guest waits.
/// </summary>
internal sealed class Stillness(CoreWorld world)
{
    /// <summary>
    /// One turn of the guest's agent, one call and two messages, each at its latest, take three seconds together; after five the wake-up
    /// was lost.
    /// </summary>
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(5);

    private readonly Dictionary<VmId, Stand> _stands = [];

    private sealed record Stand(VmSizes Sizes, MemorySize? Target, VmShell Shell, Moment Since);

    /// <summary>Called whenever the VM's guest has had its turn.</summary>
    public void Look(CoreVm vm)
    {
        var shell = world.Daemon?.Shells.GetValueOrDefault(vm.Id);
        if (shell is null || !CouldMove(vm, shell))
        {
            _stands.Remove(vm.Id);
            return;
        }

        var now = new Stand(vm.Guest.Sizes, shell.Memory.Target, shell, world.Agenda.Now);
        var last = _stands.GetValueOrDefault(vm.Id);
        if (last is null || last with { Since = now.Since } != now)
            _stands[vm.Id] = now;
        else if (now.Since - last.Since > Within)
            throw new ViolationException(
                "a standstill",
                $"{vm.Id} stands at {vm.Guest.Held} since {last.Since}, {shell.Memory.Phase} towards {now.Target}, {vm.Guest.Available} "
                    + $"available");
    }

    private bool CouldMove(CoreVm vm, VmShell shell)
    {
        var memory = shell.Memory;
        // A guest that floods its channel says that it has nothing to give.
        if (world.Agenda.Now < vm.CriesUntil + Within)
            return false;
        if (vm.Disturbed || vm.Guest.RunState != VmRunState.Running || vm.Guest.Temper != GuestTemper.Ideal
            || memory.Target is not { } target || memory.Sizes is null
            || memory.Phase is not (VmPhase.Growing or VmPhase.Shrinking or VmPhase.Stuck or VmPhase.Uncooperative))
            return false;
        // An order that its hypervisor refused is tried again after a wait, which grows.
        if (world.Agenda.Now < Later(memory.BalloonRefusal, memory.PlugRefusal))
            return false;
        var reachable = Ladder.Reachable(memory, target);
        if (Ladder.Distance(vm.Guest.Held, reachable) <= memory.Profile.Tolerance)
            return false;
        return vm.Guest.Held < reachable || vm.Guest.Available > memory.Profile.Margin + SimulatedGuest.Block;
    }

    private static Moment? Later(Refusal? one, Refusal? other) => one is null || other?.NextAt > one.NextAt ? other?.NextAt : one.NextAt;
}
