using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Lab.Core;

/// <summary>What operators ask, and how VMs come to be. What the real actor refuses is refused here.</summary>
internal sealed partial class Daemon
{
    public void Create(VmSpec spec, MemorySize overhead, TimeSpan timeout)
    {
        if (InUse(spec.Id) || HostAdmissions.Never(State, spec, overhead, MemorySize.Zero) is not null)
            return;
        // The admission actor's timer runs from when it is asked, whatever the journal takes.
        Deadline(spec.Id, _world.Now + timeout);
        Record(new VmRequested(_world.Wall, spec, overhead, _world.Wall + timeout) { Number = HostAdmissions.NextNumber(State) }, QueuePlan);
    }

    public void Cancel(VmId id) => GiveUp(id, AdmissionEnd.Cancelled, "cancelled by its operator");

    public void Adopt(VmHandle handle, VmPolicy policy, MemorySize ceiling, MemorySize overhead, MemorySize resident)
    {
        // What one that was let go of holds is taken already.
        var ledger = State.Gone(handle.Id).Ledger;
        if (InUse(handle.Id) || State.GovernedAs(handle) is not null || MemorySize.Max(ceiling + overhead, resident) > ledger.Free
            || !Guarantees.Missing(ledger, State.Policies(), handle.Id, policy.Min, overhead).IsZero)
            return;
        Record(new VmAdopted(_world.Wall, policy, handle, ceiling, overhead), () =>
        {
            State = State with { Ledger = State.Ledger.Holds(handle.Id, resident) };
            Spawn(handle.Id);
        });
    }

    public void SetPolicy(VmId id, VmPolicy policy)
    {
        if (State.Resting.ContainsKey(id))
        {
            Record(new PolicySet(_world.Wall, id, policy), () => { });
            return;
        }

        if (!State.Vms.TryGetValue(id, out var vm) || (policy.Min > vm.Policy.Min && !Guarantees.Missing(State.Ledger, State.Policies(), id, policy.Min, vm.Overhead).IsZero))
            return;
        Record(new PolicySet(_world.Wall, id, policy), QueuePlan);
    }

    public void Resize(VmId id, MemorySize? target)
    {
        if (State.Vms.TryGetValue(id, out var vm) && (target is not { } wanted || (wanted >= vm.Policy.Min && wanted <= vm.Policy.Max)))
            Record(new OperatorTargetSet(_world.Wall, id, target), QueuePlan);
    }

    public void Stop(VmId id)
    {
        if (State.Vms.ContainsKey(id))
            Record(new StopAsked(_world.Wall, id, TimeSpan.Zero) { Kill = true }, () => ToVm(id, shell => shell.Stop()));
        else if (State.Resting.TryGetValue(id, out var resting) && resting.ReturnAt is not null)
            Record(HostEnds.Stays(resting, _world.Clocks), AwaitReturns);
        else
            Cancel(id);
    }

    public void Forget(VmId id)
    {
        if (State.Vms.TryGetValue(id, out var vm))
            Record(new VmForgotten(_world.Wall, id) { Handle = vm.Handle, Held = State.Ledger.Claims[id].Size }, () => Release(id));
        else if (State.Resting.ContainsKey(id))
            Record(new VmForgotten(_world.Wall, id), () => { });
    }

    /// <summary>The look at the host: those that were let go of and do not run any more hold nothing. One at a look.</summary>
    private void LookForThoseLetGo()
    {
        if (State.LetGo.FirstOrDefault(vm => !_world.Runs(vm.Value)) is { Value: not null } gone)
            Record(new LetGoEnded(_world.Wall, gone.Key), QueuePlan);
    }

    public void Launched(VmId id, VmHandle handle)
    {
        if (!State.Admissions.ContainsKey(id))
            return;
        if (State.WasLetGo(id, handle))
            EndAdmission(id, AdmissionEnd.Failed, "one that was let go of runs under its name");
        else
            Record(new VmLaunched(_world.Wall, id, handle), QueuePlan);
    }

    public void LaunchFailed(VmId id, string why)
    {
        if (State.Admissions.ContainsKey(id))
            EndAdmission(id, AdmissionEnd.Failed, why);
    }

    private bool InUse(VmId id) => State.Vms.ContainsKey(id) || State.Admissions.ContainsKey(id) || State.Resting.ContainsKey(id);

    private bool StepAdmissions()
    {
        if (HostAdmissions.Next(State, _reports, _forecasts, _movers, _settings, _world.Clocks) is not { } step)
            return false;
        Record(step, () =>
        {
            if (step is LaunchBegun launch)
                Spawn(launch.Vm);
            QueuePlan();
        });
        return true;
    }

    private void Deadline(VmId id, Moment when) => _world.Agenda.In(when - _world.Now, () => Enqueue(() => GiveUp(id, AdmissionEnd.Expired, "")));

    private void GiveUp(VmId id, AdmissionEnd end, string why)
    {
        if (!State.Admissions.TryGetValue(id, out var admission) || HostAdmissions.EndOf(admission, end) is null)
            return;
        if (end != AdmissionEnd.Expired)
            EndAdmission(id, end, why);
        else if (admission.Deadline <= _world.Now)
            EndAdmission(id, end, HostAdmissions.WhyExpired(admission, State));
    }

    private void EndAdmission(VmId id, AdmissionEnd end, string why) =>
        Record(HostEnds.EndOf(State.Admissions[id], end, why, _settings.Returns, _world.Clocks), () =>
        {
            Release(id);
            AwaitReturns();
        });
}
