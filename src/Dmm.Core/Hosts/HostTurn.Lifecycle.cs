using Dmm.Core.Lifecycle;

namespace Dmm.Core.Hosts;

/// <summary>
/// Ends of VMs and their returns. One event tells that a VM has ended and what becomes of it, so that no death of the daemon forgets one
/// that is to return; and a VM that returns is a request like any other, so that none runs twice (docs/use/lifecycle.md).
/// </summary>
internal sealed partial class HostTurn
{
    private void Ended(VmProtocol.Ended ended)
    {
        if (!State.Vms.TryGetValue(ended.Vm, out var vm))
            return;
        Record(HostEnds.Ended(vm, ended.Cause, ended.Why, Settings.Returns, now));
        Release(ended.Vm);
        AwaitReturns();
    }

    private void Identified(VmProtocol.Identified found)
    {
        if (State.Vms.TryGetValue(found.Vm, out var vm) && vm.Handle != found.Handle)
            Record(new VmIdentified(Wall, found.Vm, found.Handle));
    }

    private void StopGivenUp(VmProtocol.StopGivenUp given)
    {
        if (!State.Vms.TryGetValue(given.Vm, out var vm) || vm.Stop is null)
            return;
        Record(new StopGivenUp(Wall, given.Vm, given.Why));
        QueuePlan();
    }

    private void ReturnThoseDue()
    {
        foreach (var resting in HostEnds.Due(State, Now))
        {
            if (HostEnds.Hindrance(State, resting, Settings) is { } hindrance)
                Record(HostEnds.Hindered(resting, hindrance, Settings.Returns, now));
            else
                Ask(resting, resting.Tries, Now + Settings.Returns.Deadline);
        }

        AwaitReturns();
    }

    /// <summary>The VM is asked for, in the queue with all others.</summary>
    private void Ask(RestingVm resting, int tries, Moment deadline)
    {
        Record(HostEnds.Again(State, resting, tries, deadline, now));
        AwaitReturns();
    }

    /// <summary>Asks to be woken when the next one is due; before the ledger governs nobody returns.</summary>
    private void AwaitReturns() =>
        Do(new HostEffect.WakeForReturns(Host.InControl ? State.Resting.Values.Min(vm => vm.ReturnAt) : null));

    /// <summary>
    /// What ran before the host restarted can't run now. All ends are written at once, so that all that return do so in the order of their
    /// priority.
    /// </summary>
    private void EndThoseOfAnotherBoot(string boot)
    {
        foreach (var id in State.LetGo.Where(vm => vm.Value.BootId is { } its && its != boot).Select(vm => vm.Key).ToList())
            Host = Host with { State = State.Gone(id) };
        foreach (var (id, vm) in State.Vms.Where(vm => vm.Value.Handle.BootId is { } its && its != boot).ToList())
        {
            Record(HostEnds.EndOf(vm, EndCause.HostRestarted, "the host has restarted", Settings.Returns, now));
            Release(id);
        }
    }
}
