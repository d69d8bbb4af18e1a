using Dmm.Core.Lifecycle;

namespace Dmm.Core.Hosts;

/// <summary>
/// Ends of VMs and their returns. One event says both that a VM has ended and what happens next, so a crash of the daemon never loses a VM
/// that is to return. A VM that returns is a request like any other, so none runs twice (docs/use/lifecycle.md).
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
        if (!State.Vms.TryGetValue(given.Vm, out var vm) || State.StopOf(vm, Now) is null)
            return;
        Record(new StopGivenUp(Wall, given.Vm, given.Why));
        QueuePlan();
    }

    private void ReturnThoseDue()
    {
        if (State.Drain is not null)
            return;
        foreach (var resting in HostEnds.Due(State, Now))
        {
            if (HostEnds.Hindrance(State, resting, Settings) is { } hindrance)
                Record(HostEnds.Hindered(resting, hindrance, Settings.Returns, now));
            else
                Ask(resting, resting.Tries, Now + Settings.Returns.Deadline);
        }

        AwaitReturns();
    }

    /// <summary>Asks for the VM, in the queue with all others.</summary>
    private void Ask(RestingVm resting, int tries, Moment deadline)
    {
        Record(HostEnds.Again(State, resting, tries, deadline, now));
        AwaitReturns();
    }

    /// <summary>
    /// Asks to be woken when the next return is due. No VM returns before the ledger governs, or to a host that is drained.
    /// </summary>
    private void AwaitReturns() =>
        Do(new HostEffect.WakeForReturns(Host.InControl && State.Drain is null ? State.Resting.Values.Min(vm => vm.ReturnAt) : null));

    /// <summary>
    /// Ends the VMs that ran before the host restarted: they can't run now. All ends, and that of a drain, are written at once, so that all
    /// VMs that return do so in the order of their priority.
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

        if (State.Drain?.EndsIn(boot) == true)
            Record(new HostDrainEnded(Wall, "the host has restarted"));
    }
}
