using Dmm.Core.Admission;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>Planning: from the VMs' reports and forecasts to promises and targets.</summary>
internal sealed partial class HostTurn
{
    /// <summary>
    /// Takes control. The ledger governs after the replay and one look at the host: VMs that have not reported keep what the journal
    /// promised them.
    /// </summary>
    private void TakeUp(HostCommand.TakeUp takeUp)
    {
        var (vms, admissions) = (State.Vms.Count, State.Admissions.Count);
        Host = Host with { BootId = takeUp.BootId, ReadAfter = Now };
        if (takeUp.BootId is { } boot)
            EndThoseOfAnotherBoot(boot);
        Host = Host with
        {
            Unheard = [.. State.Vms.Keys],
            // The VMs' actors may have heard an earlier actor of the host in this process. Numbers that start at the clock are never used
            // twice.
            Tellings = (Now - Moment.Origin).Ticks,
        };
        if (Host.Watches)
        {
            Host = Host with { Watched = Host.WhoRuns() };
            Do(new HostEffect.WatchVms(Host.Watched));
        }

        if (vms > 0)
            Notify("recovered", null, $"{vms} VMs and {admissions} admissions from the journal");
        QueuePlan();
    }

    private void Started(VmProtocol.Started started)
    {
        var id = started.Vm;
        if (Host.StartedOnce.Contains(id))
            Notify("actorRestarted", id, "the VM's actor restarts after a fault of its driver; the VM runs on");
        // The VM is told its target as soon as there is a place for it: after a restart of the daemon all VMs start at once.
        var fresh = Host.Fresh.Contains(id);
        Host = Host with { StartedOnce = Host.StartedOnce.Add(id), Told = Host.Told.Remove(id) };
        if (State.Vms.TryGetValue(id, out var vm))
        {
            Reply(new VmProtocol.Assume(vm.Spec, vm.Handle, vm.Policy, null, State.StopOf(vm, Now), MayRun: true)
            {
                Booted = vm.BootedAt is not null,
                EverBooted = vm.EverBooted,
                Asked = vm.Spec?.Boot,
            });
        }
        else if (State.Admissions.TryGetValue(id, out var admission))
        {
            Host = Host with { Fresh = Host.Fresh.Remove(id) };
            var spec = admission.Spec with { Boot = admission.Boot ?? admission.Spec.Boot };
            Reply(new VmProtocol.Assume(spec, null, admission.Spec.Policy, null, null, MayRun: !fresh)
            {
                EverBooted = admission.Tries is not null && !admission.NeverBooted,
                Asked = admission.Spec.Boot,
            });
        }
    }

    private void Reported(VmProtocol.Report report)
    {
        var id = report.Vm;
        if (!State.Vms.TryGetValue(id, out var vm))
            return;
        var phase = Host.Reports.TryGetValue(id, out var last) ? last.Phase : (VmPhase?)null;
        // A VM's actor that starts anew reports before it has measured: the last measurement, and its control group's limit, stand.
        report = report with { Cost = report.Cost ?? last?.Cost };
        Host = Host with { Reports = Host.Reports.SetItem(id, report) };
        // What was foreseen of it before says nothing of its boot.
        if (report.Reboots)
            Host = Host with { Forecasts = Host.Forecasts.Remove(id) };
        if (report.Confirmation is not null || report.Phase == VmPhase.Lost)
        {
            Host = Host with { Unheard = Host.Unheard.Remove(id) };
            SayAllHeard();
        }

        if (report.Confirmation is not { } standing)
            return;

        var before = State.Ledger;
        var counted = before.Claims[id].Overhead;
        if (report.Cost?.Overhead is { } cost && CountedOverhead.Next(counted, vm.Overhead, cost, Now - vm.MeasuredAt) is { } changed)
        {
            Record(new OverheadMeasured(Wall, id, changed));
            counted = changed;
        }

        var ledger = State.Ledger.Observe(id, standing.Actual, counted, report.Resident, Host.Watches ? Now : null);
        if (report.Sizes is { } sizes)
            ledger = ledger.Rate(id, Trusts.Of(Settings.Trust, report.Enforced), sizes);
        Host = Host with
        {
            State = State with { Ledger = ledger },
            Shrinks = Host.Shrinks.SetItem(id, Host.Shrinks.GetValueOrDefault(id, new())
                .Observe(standing.Actual, vm.Promise.Target, report.Phase, Now)),
        };
        var confirmed = vm.Promise.Target < vm.Promise.Granted && standing.Target == vm.Promise.Target;
        if (ledger.Claims[id].Differs(before.Claims[id]) || report.Phase != phase || confirmed)
            QueuePlan();
        if (vm.BootedAt is null && HostEnds.HasBooted(vm, report))
            Record(new VmBooted(Wall, id));
        if (HostEnds.Moved(vm, report, Wall) is { } moved)
            Record(moved);
    }

    private void Forecast(PredictorProtocol.Forecasts forecasts)
    {
        // Pressure counts only where the law reacts to it: DMM's agent must not help a law that only looks every 10 s.
        var heard = machine.Law?.HearsPressure ?? true;
        var known = forecasts.Items.Where(f => State.Vms.ContainsKey(f.Vm));
        Host = Host with
        {
            Forecasts = Host.Forecasts.SetItems(known.Select(f => KeyValuePair.Create(f.Vm, heard ? f : f with { Urgent = false }))),
            Tick = Host.Tick || forecasts.Tick,
            AwaitsForecasts = Host.AwaitsForecasts && !forecasts.Tick,
        };

        // Other guests that have called for help meanwhile are served by the same plan: many calls do not make many plans.
        QueuePlan();
    }

    /// <summary>
    /// Asks for forecasts; the plan follows when they come. If none have come since the last beat, the plan is made without them: forecasts
    /// age.
    /// </summary>
    private void Beat()
    {
        if (Host.AwaitsForecasts)
        {
            Host = Host with { Tick = true };
            QueuePlan();
        }

        Host = Host with { AwaitsForecasts = true };
        Do(new HostEffect.AskForecasts());
    }

    private void PlanNow()
    {
        Host = Host with { PlanQueued = false };
        if (!Host.HasLooked)
            return;
        Plan();
        if (!State.Admissions.IsEmpty)
            TellLine();
        if (Host.InControl)
            return;
        Do(new HostEffect.InControl(State.Vms.Count));
        // Also those that were adopted since the journal was taken up: the actor of any other is left of a VM that is not governed.
        var launching = State.Admissions.Where(a => a.Value.State == AdmissionState.Launching).Select(a => a.Key);
        Do(new HostEffect.StartVms([.. State.Vms.Keys, .. launching], All: true));
        Host = Host with { InControl = true };
        SayAllHeard();
        AwaitReturns();
    }

    private void Plan()
    {
        var (settings, tick) = (Host.SettingsNow, Host.Tick);
        if (Now < Host.NoLeasesUntil)
            settings = settings with { Leased = 0 };
        var plan = HostPlanner.Next(State, Host.Reports, Host.Forecasts, Host.Told, settings, machine.Arbiter, tick, Now, machine.Law);
        Host = Host with { Waits = plan.Waits, Tick = false };
        if (!plan.Changes.IsEmpty)
            Record(new PromisesChanged(Wall, plan.Changes));
        TellTargets();
        Do(new HostEffect.Explain(new(now, tick, plan, State, Host.Reports, Host.Forecasts, Host.Operations.Held, settings)));
    }

    /// <summary>All memory on lease comes back, and stays for as long as somebody may need to ask for it again.</summary>
    private void TakeLeasesBack()
    {
        Host = Host with { NoLeasesUntil = Now + TimeSpan.FromSeconds(5) };
        QueuePlan();
    }

    private void TellTargets()
    {
        var (tell, operations) = HostDispatch.Next(
            State, Host.Reports, Host.Forecasts, Host.Told, Host.Operations, Host.Waits, Settings, Now);
        var (told, number) = (Host.Told.ToBuilder(), Host.Tellings);
        foreach (var (id, message) in tell)
        {
            told[id] = new(message, ++number);
            Do(new HostEffect.TellVm(id, message with { Number = number }));
        }

        Host = Host with { Operations = operations, Told = told.ToImmutable(), Tellings = number };
    }

    private void SayAllHeard()
    {
        if (!Host.Unheard.IsEmpty || !Host.InControl || Host.AllHeard)
            return;
        Host = Host with { AllHeard = true };
        Do(new HostEffect.AllHeard());
    }
}
