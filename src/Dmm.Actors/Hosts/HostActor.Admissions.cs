using Akka.Actor;
using Dmm.Actors.Admission;
using Dmm.Actors.Vms;
using Dmm.Core.Admission;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>The host's part in creating a VM: the ledger's word, and what is written down.</summary>
public sealed partial class HostActor
{
    private void AdmissionCommands()
    {
        Command<AdmissionProtocol.CreateVm>(create => _admission.Forward(create));
        Command<HostProtocol.RecordRequest>(RecordRequest);
        Command<HostProtocol.Gather>(gather =>
        {
            _gathering = gather.Vm;
            QueuePlan();
        });
        Command<HostProtocol.GiveUp>(GiveUp);
    }

    private void RecordRequest(HostProtocol.RecordRequest request)
    {
        var (id, boot) = (request.Spec.Id, request.Spec.Boot);
        var refusal = InUse(id) ?? (Judge(id, boot, request.Overhead) is Judgement.Never never
            ? new(HostProtocol.RefusalKind.Refused, never.Why)
            : null);
        if (refusal is not null)
        {
            Sender.Tell(new AdmissionActor.RecordRefused(id, refusal));
            return;
        }

        var sender = Sender;
        Record(new VmRequested(Now, request.Spec, request.Overhead, request.Deadline), _ => sender.Tell(new HostProtocol.RequestRecorded(id)));
    }

    private Judgement Judge(VmId id, MemorySize boot, MemorySize overhead) =>
        AdmissionRules.Judge(_state.Ledger, id, boot, overhead, _state.Vms.ToDictionary(vm => vm.Key, vm => vm.Value.Policy));

    /// <summary>The VM that memory is gathered for is launched as soon as the ledger has room: its reservation comes first.</summary>
    private bool LaunchIfRoom()
    {
        if (_gathering is not { } id || !_state.Admissions.TryGetValue(id, out var admission) || admission.Reserved is not null
            || Judge(id, admission.Spec.Boot, admission.Overhead) is not Judgement.Fits)
            return false;
        _gathering = null;
        Record(new LaunchBegun(Now, id, admission.Size), _ =>
        {
            _admission.Tell(new AdmissionProtocol.Launching(id));
            Spawn(id);
            QueuePlan();
        });
        return true;
    }

    private void Launched(VmProtocol.Launched launched)
    {
        if (!_state.Admissions.ContainsKey(launched.Vm))
            return;
        Record(new VmLaunched(Now, launched.Vm, launched.Handle), _ =>
        {
            _admission.Tell(new AdmissionProtocol.Finished(launched.Vm));
            QueuePlan();
        });
    }

    private void LaunchFailed(VmProtocol.LaunchFailed failed)
    {
        if (_state.Admissions.ContainsKey(failed.Vm))
            EndAdmission(failed.Vm, AdmissionEnd.Failed, failed.Why);
    }

    private void GiveUp(HostProtocol.GiveUp giveUp)
    {
        // Too late: its launch has begun, and ends in one way or the other by itself.
        if (_state.Admissions.TryGetValue(giveUp.Vm, out var admission) && admission.Reserved is null)
            EndAdmission(giveUp.Vm, giveUp.End, giveUp.Why);
    }

    private void EndAdmission(VmId vm, AdmissionEnd end, string why) => Record(new AdmissionEnded(Now, vm, end, why), _ =>
    {
        if (_gathering == vm)
            _gathering = null;
        _admission.Tell(new AdmissionProtocol.Finished(vm));
        Release(vm);
    });
}
