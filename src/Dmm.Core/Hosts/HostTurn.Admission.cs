using Dmm.Core.Admission;

namespace Dmm.Core.Hosts;

/// <summary>The host's part in creating a VM: it writes down the steps of <see cref="HostAdmissions"/> and acts on them.</summary>
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
        Reply(new AdmissionProtocol.Recorded(id));
        // What is on lease and in its way is taken back at once.
        if (request.Spec.Boot + request.Overhead > State.Ledger.Free && !State.Ledger.Leases.IsZero)
            QueuePlan();
    }

    /// <summary>The line has restarted: it knows nothing, and does not answer a picture that its predecessor received.</summary>
    private void LineStarted()
    {
        Host = Host with { LineLooks = false };
        TellLine();
    }

    /// <summary>
    /// Takes steps that the line decided (which VM is next, which peers give). Memory is granted only here, and only on the state that the
    /// steps were decided on.
    /// </summary>
    private void TakeSteps(HostProtocol.TakeSteps take)
    {
        Host = Host with { LineLooks = false };
        if (take.Steps.IsEmpty)
            return;
        if (take.Version != Host.Version)
        {
            TellLine();
            return;
        }

        foreach (var step in take.Steps)
        {
            if (step is QueueMove.Reserve { Size: var size } && size > State.Ledger.Free)
                throw new InvalidOperationException($"{step} was decided on the ledger of this moment, which has {State.Ledger.Free} free");
            Record(HostAdmissions.EventOf(step, State, Wall));
            if (step is not QueueMove.Launch)
                continue;
            Host = Host with { Fresh = Host.Fresh.Add(step.Vm) };
            Do(new HostEffect.StartVms([step.Vm]));
        }

        QueuePlan();
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
            // The process under its name was adopted under another name meanwhile.
            EndAdmission(
                id, AdmissionEnd.Failed, $"{launched.Handle.Whereabouts()}, which its launch found, is governed as {other} already");
        }
        else
        {
            Record(new VmLaunched(Wall, id, launched.Handle));
            Do(new HostEffect.TellAdmission(new AdmissionProtocol.Finished(id, null)));
            // Its launch was under way when the drain began.
            if (State.StopOf(State.Vms[id], Now) is { } order)
                Do(new HostEffect.TellVm(id, new VmProtocol.Stop(order)));
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
            Reply(new AdmissionProtocol.NotGivenUp(giveUp.Vm, "it is not being created any more"));
        else if (HostAdmissions.EndOf(admission, giveUp.End) is null || (giveUp.End == AdmissionEnd.Expired && admission.Deadline > Now))
            Reply(new AdmissionProtocol.NotGivenUp(giveUp.Vm, $"it is {admission.State.ToString().ToLowerInvariant()}"));
        else
            EndAdmission(giveUp.Vm, giveUp.End, giveUp.End == AdmissionEnd.Expired ? HostAdmissions.WhyExpired(admission, State)
                : giveUp.Why);
    }

    private void EndAdmission(VmId vm, AdmissionEnd end, string why)
    {
        Record(HostEnds.EndOf(State.Admissions[vm], end, why, Settings.Returns, now));
        Do(new HostEffect.TellAdmission(new AdmissionProtocol.Finished(vm, end)));
        Release(vm);
        AwaitReturns();
    }
}
