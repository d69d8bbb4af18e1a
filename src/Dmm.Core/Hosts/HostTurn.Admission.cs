using Dmm.Core.Admission;

namespace Dmm.Core.Hosts;

/// <summary>The host's part in creating a VM: what <see cref="HostAdmissions"/> says is written down, and acted on.</summary>
internal sealed partial class HostTurn
{
    private void RecordRequest(HostProtocol.RecordRequest request)
    {
        var id = request.Spec.Id;
        if (HostRefusals.OfRequest(State, request.Spec, request.Overhead, request.ImageNeeds, Settings) is { } refusal)
        {
            if (refusal.Kind == HostProtocol.RefusalKind.Refused)
                Notify("admissionRefused", id, refusal.Why);
            Reply(new AdmissionProtocol.RecordRefused(id, refusal));
            return;
        }

        Record(new VmRequested(Wall, request.Spec, request.Overhead, now.WallOf(request.Deadline))
        {
            Number = HostAdmissions.NextNumber(State),
            ImageNeeds = request.ImageNeeds,
        });
        Reply(new HostProtocol.RequestRecorded(id));
        QueuePlan();
    }

    private void Foresee(HostProtocol.ForeseeVm asked)
    {
        var full = machine.Admission.Full(State.Admissions.Values.Count(a => a.State.Seeks()));
        if (HostRefusals.OfDryRun(State, asked.Spec, full, Settings) is { } refused)
        {
            Reply(refused);
            return;
        }

        Reply(HostAdmissions.Foresee(
            State, Host.Reports, Host.Forecasts, Host.Movers, Host.SettingsNow, asked, asked.Timeout ?? machine.Admission.Deadline, Now));
    }

    /// <summary>The queue's next step, one at a time; after it the next plan looks for more.</summary>
    private bool StepAdmissions()
    {
        if (HostAdmissions.Next(State, Host.Reports, Host.Forecasts, Host.Movers, Host.SettingsNow, now) is not { } step)
            return false;
        Record(step);
        if (step is MemoryReserved reserved)
            Do(new HostEffect.TellAdmission(new AdmissionProtocol.Provided(reserved.Vm)));
        if (step is LaunchBegun { Vm: var id })
        {
            Host = Host with { Fresh = Host.Fresh.Add(id) };
            Do(new HostEffect.StartVms([id]));
        }

        QueuePlan();
        return true;
    }

    private void Launched(VmProtocol.Launched launched)
    {
        var id = launched.Vm;
        if (!State.Admissions.ContainsKey(id))
            return;
        if (State.WasLetGo(id, launched.Handle))
        {
            EndAdmission(id, AdmissionEnd.Failed, AdmissionWords.StillRuns(id));
        }
        else if (State.GovernedAs(launched.Handle) is { } other)
        {
            // What runs under its name was taken in under another one meanwhile.
            EndAdmission(id, AdmissionEnd.Failed, $"{launched.Handle.Whereabouts()}, which its launch found, is governed as {other} already");
        }
        else
        {
            Record(new VmLaunched(Wall, id, launched.Handle));
            Do(new HostEffect.TellAdmission(new AdmissionProtocol.Finished(id, null)));
            QueuePlan();
        }
    }

    private void LaunchFailed(VmProtocol.LaunchFailed failed)
    {
        if (State.Admissions.ContainsKey(failed.Vm))
            EndAdmission(failed.Vm, AdmissionEnd.Failed, failed.Why);
    }

    private void GiveUp(HostProtocol.GiveUp giveUp)
    {
        if (!State.Admissions.TryGetValue(giveUp.Vm, out var admission))
            Reply(new HostProtocol.NotGivenUp(giveUp.Vm, "it is not being created any more"));
        else if (HostAdmissions.EndOf(admission, giveUp.End) is null)
            Reply(new HostProtocol.NotGivenUp(giveUp.Vm, $"it is {admission.State.ToString().ToLowerInvariant()}"));
        else
            EndAdmission(giveUp.Vm, giveUp.End, giveUp.End == AdmissionEnd.Expired ? HostAdmissions.WhyExpired(admission, State) : giveUp.Why);
    }

    private void EndAdmission(VmId vm, AdmissionEnd end, string why)
    {
        Record(HostEnds.EndOf(State.Admissions[vm], end, why, Settings.Returns, now));
        Do(new HostEffect.TellAdmission(new AdmissionProtocol.Finished(vm, end)));
        Release(vm);
        AwaitReturns();
    }
}
