using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;

namespace Dmm.Lab.Core;

/// <summary>Ends of VMs and their returns, as the real actor has them: what becomes of a VM is one event, and a return is a request like any other.</summary>
internal sealed partial class Daemon
{
    public void Ended(VmId id, string why, EndCause cause)
    {
        if (!State.Vms.TryGetValue(id, out var vm))
            return;
        Record(HostEnds.Ended(vm, cause, why, _settings.Returns, _world.Clocks), () =>
        {
            Release(id);
            AwaitReturns();
        });
    }

    public void Start(VmId id)
    {
        if (State.Resting.TryGetValue(id, out var resting) && HostEnds.Doubt(resting) is null && HostEnds.Hindrance(State, resting, _settings) is null)
            Ask(resting, 0);
    }

    public void SetRestart(VmId id, RestartPolicy restart)
    {
        if (State.Resting.ContainsKey(id) || State.Vms.GetValueOrDefault(id)?.Spec is not null)
            Record(new RestartSet(_world.Wall, id, restart), AwaitReturns);
    }

    /// <summary>What ran before the host restarted can't run now: that is written before anything else is looked at.</summary>
    private void EndThoseOfAnotherBoot()
    {
        State = State.LetGo.Where(vm => vm.Value.BootId != _world.BootId).Aggregate(State, static (state, vm) => state.Gone(vm.Key));
        foreach (var (id, vm) in State.Vms)
        {
            if (vm.Handle.BootId == _world.BootId)
                Spawn(id);
            else
                Enqueue(() => Record(HostEnds.EndOf(State.Vms[id], EndCause.HostRestarted, "the host has restarted", _settings.Returns, _world.Clocks), () => Release(id)));
        }

        Enqueue(AwaitReturns);
    }

    private void AwaitReturns()
    {
        foreach (var at in State.Resting.Values.Select(vm => vm.ReturnAt).OfType<Moment>().Distinct())
            _world.Agenda.In(at - _world.Now, () => Enqueue(ReturnThoseDue));
    }

    /// <summary>One after the other, each an event.</summary>
    private void ReturnThoseDue()
    {
        foreach (var due in HostEnds.Due(State, _world.Now))
            Enqueue(() => Return(due.Spec.Id));
    }

    private void Return(VmId id)
    {
        if (!State.Resting.TryGetValue(id, out var resting) || !(resting.ReturnAt <= _world.Now))
            return;
        if (HostEnds.Hindrance(State, resting, _settings) is { } hindrance)
            Record(HostEnds.Hindered(resting, hindrance, _settings.Returns, _world.Clocks), AwaitReturns);
        else
            Ask(resting, resting.Tries);
    }

    private void Ask(RestingVm resting, int tries)
    {
        var deadline = _world.Now + _settings.Returns.Deadline;
        Record(HostEnds.Again(State, resting, 0, tries, deadline, _world.Clocks), () =>
        {
            Deadline(resting.Spec.Id, deadline);
            QueuePlan();
        });
    }
}
