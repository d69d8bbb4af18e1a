using Akka.Actor;
using Dmm.Actors.Admission;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>The host's part in creating a VM: what <see cref="HostAdmissions"/> says is written down, and acted on.</summary>
public sealed partial class HostActor
{
    /// <summary>How each VM was seen to shrink.</summary>
    private readonly Dictionary<VmId, Mover> _movers = [];

    private void AdmissionCommands()
    {
        Command<AdmissionProtocol.CreateVm>(create => _admission.Forward(create));
        Command<HostProtocol.RecordRequest>(RecordRequest);
        Command<HostProtocol.ForeseeVm>(Foresee);
        Command<HostProtocol.GiveUp>(GiveUp);
    }

    private void RecordRequest(HostProtocol.RecordRequest request)
    {
        var id = request.Spec.Id;
        if (RefusalOf(request.Spec, request.Overhead, request.ImageNeeds) is { } refusal)
        {
            if (refusal.Kind == HostProtocol.RefusalKind.Refused)
                Happened(new(Wall, "admissionRefused", id, refusal.Why));
            Sender.Tell(new AdmissionActor.RecordRefused(id, refusal));
            return;
        }

        var sender = Sender;
        var now = Clocks;
        var requested = new VmRequested(now.Wall, request.Spec, request.Overhead, now.WallOf(request.Deadline))
        {
            Number = HostAdmissions.NextNumber(_state),
            ImageNeeds = request.ImageNeeds,
        };
        Record(requested, _ =>
        {
            sender.Tell(new HostProtocol.RequestRecorded(id));
            QueuePlan();
        });
    }

    private HostProtocol.Refused? RefusalOf(VmSpec spec, MemorySize overhead, MemorySize imageNeeds) =>
        InUse(spec.Id) ?? Foreign(spec.Id) ?? Overcommitted(spec.Id, spec.Policy.Max) ?? (HostAdmissions.Never(_state, spec, overhead, imageNeeds) is { } never ? new(HostProtocol.RefusalKind.Refused, never) : null);

    private void Foresee(HostProtocol.ForeseeVm asked)
    {
        var full = _admissionSettings.Full(_state.Admissions.Values.Count(a => a.State.Seeks())) is { } why ? new HostProtocol.Refused(HostProtocol.RefusalKind.Refused, why) : null;
        Sender.Tell(InUse(asked.Spec.Id) ?? Foreign(asked.Spec.Id) ?? full ?? Overcommitted(asked.Spec.Id, asked.Spec.Policy.Max) ?? (object)HostAdmissions.Foresee(
            _state, _reports, _forecasts, _movers, SettingsNow, asked, asked.Timeout ?? _admissionSettings.Deadline, Now));
    }

    /// <summary>The queue's next step, one at a time; after it the next plan looks for more.</summary>
    private bool StepAdmissions()
    {
        if (HostAdmissions.Next(_state, _reports, _forecasts, _movers, SettingsNow, Clocks) is not { } step)
            return false;
        Record(step, _ =>
        {
            if (step is MemoryReserved reserved)
                _admission.Tell(new AdmissionProtocol.Provided(reserved.Vm));
            if (step is LaunchBegun { Vm: var id })
            {
                _fresh.Add(id);
                Spawn(id);
            }

            QueuePlan();
        });
        return true;
    }

    private void Launched(VmProtocol.Launched launched)
    {
        if (!_state.Admissions.ContainsKey(launched.Vm))
            return;
        if (_state.WasLetGo(launched.Vm, launched.Handle))
        {
            EndAdmission(launched.Vm, AdmissionEnd.Failed, AdmissionWords.StillRuns(launched.Vm));
            return;
        }

        // What runs under its name was taken in under another one meanwhile.
        if (_state.GovernedAs(launched.Handle) is { } other)
        {
            EndAdmission(launched.Vm, AdmissionEnd.Failed, $"{launched.Handle.Whereabouts()}, which its launch found, is governed as {other} already");
            return;
        }

        Record(new VmLaunched(Wall, launched.Vm, launched.Handle), _ =>
        {
            _admission.Tell(new AdmissionProtocol.Finished(launched.Vm, null));
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
        if (!_state.Admissions.TryGetValue(giveUp.Vm, out var admission))
            Sender.Tell(new HostProtocol.NotGivenUp(giveUp.Vm, "it is not being created any more"));
        else if (HostAdmissions.EndOf(admission, giveUp.End) is null)
            Sender.Tell(new HostProtocol.NotGivenUp(giveUp.Vm, $"it is {admission.State.ToString().ToLowerInvariant()}"));
        else
            EndAdmission(giveUp.Vm, giveUp.End, giveUp.End == AdmissionEnd.Expired ? HostAdmissions.WhyExpired(admission, _state) : giveUp.Why);
    }

    private void EndAdmission(VmId vm, AdmissionEnd end, string why) => Record(HostEnds.EndOf(_state.Admissions[vm], end, why, _settings.Returns, Clocks), _ =>
    {
        _admission.Tell(new AdmissionProtocol.Finished(vm, end));
        Release(vm);
        AwaitReturns();
    });
}
