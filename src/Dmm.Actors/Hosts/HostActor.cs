using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Pattern;
using Akka.Persistence;
using Dmm.Actors.Journals;
using Dmm.Actors.Prediction;
using Dmm.Actors.Vms;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Demand;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Laws;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>
/// Owns the ledger: what each VM of this host was promised. The only actor that writes the host's journal, one stream in one order, so that
/// one replay brings the ledger back before any VM's actor is up. Decides by pure functions (<see cref="HostPlanner"/>,
/// <see cref="HostAdmissions"/>) and never talks to a hypervisor: what is, the VMs' actors report.
/// </summary>
public sealed partial class HostActor : ReceivePersistentActor
{
    public const string Name = "host";

    private readonly IHypervisor _hypervisor;
    private readonly HostSettings _settings;
    private readonly VmActorSettings _vmSettings;
    private readonly DemandSettings _demandSettings;
    private readonly AdmissionSettings _admissionSettings;
    private readonly HostTenure _tenure;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Dictionary<VmId, IActorRef> _children = [];
    private readonly HashSet<VmId> _startedOnce = [];

    /// <summary>VMs whose launch was decided in this life and not asked for yet: nothing of theirs can run.</summary>
    private readonly HashSet<VmId> _fresh = [];
    private readonly Arbiter _arbiter;
    private readonly LawPlanner? _law;

    private HostState _state;
    private ImmutableDictionary<VmId, VmProtocol.Report> _reports = ImmutableDictionary<VmId, VmProtocol.Report>.Empty;
    private ImmutableDictionary<VmId, Forecast> _forecasts = ImmutableDictionary<VmId, Forecast>.Empty;
    private IActorRef _predictor = ActorRefs.Nobody;
    private IActorRef _admission = ActorRefs.Nobody;
    private int _spawned;
    private bool _planQueued;
    private bool _tick;

    public HostActor(
        IHypervisor hypervisor, HostSettings settings, VmActorSettings vmSettings, DemandSettings demandSettings, AdmissionSettings admissionSettings,
        IHostWatch? watch, HostTenure tenure)
    {
        (_hypervisor, _settings, _vmSettings, _demandSettings, _admissionSettings, _watch, _tenure) =
            (hypervisor, settings, vmSettings, demandSettings, admissionSettings, watch, tenure);
        _began = Clocks;
        _arbiter = new(settings.UtilityWeight);
        _law = settings.Law is { } law ? new(LawCatalog.Create(law)) : null;
        _state = new(new Ledger(settings.Memory, settings.Reserve));
        Command<VmProtocol.Started>(Started);
        Command<VmProtocol.Report>(Reported);
        Command<VmProtocol.Ended>(Ended);
        Command<VmProtocol.Launched>(Launched);
        Command<VmProtocol.LaunchFailed>(LaunchFailed);
        Command<PredictorProtocol.Forecasts>(Forecast);
        Command<PredictorProtocol.Lost>(lost => { _forecasts = _forecasts.Remove(lost.Vm); });
        Command<PlanSoon>(_ => PlanSoonCame());
        OperatorCommands();
        LifecycleCommands();
        AdmissionCommands();
        WorldCommands();
        JournalCommands();
    }

    public override string PersistenceId => "host";

    /// <summary>What is decided by.</summary>
    private Moment Now => Clocks.Now;

    /// <summary>For the journal and for people.</summary>
    private DateTimeOffset Wall => Clocks.Wall;

    private Clocks Clocks => Clocks.Read(_vmSettings.Time);

    /// <param name="watch">Null: the host is taken to have what the settings say.</param>
    public static Props Props(
        IHypervisor hypervisor, HostSettings settings, VmActorSettings vms, DemandSettings demand, AdmissionSettings admission, IHostWatch? watch = null,
        HostTenure? tenure = null) =>
        Akka.Actor.Props.Create(() => new HostActor(hypervisor, settings, vms, demand, admission, watch, tenure ?? HostTenure.None));

    private void Spawn(VmId vm)
    {
        // An actor's name is free again only when its last bearer has stopped, which a VM of the same name need not wait for.
        var name = Context.Child($"vm-{vm}").IsNobody() ? $"vm-{vm}" : $"vm-{vm}~{++_spawned}";
        var machine = VmActor.Props(vm, Self, _predictor, _hypervisor, _vmSettings);
        _children[vm] = Context.ActorOf(
            BackoffSupervisor.Props(Backoff.OnFailure(machine, "machine", _vmSettings.RestartMin, _vmSettings.RestartMax, _vmSettings.RestartSpread, -1)), name);
    }

    private void Started(VmProtocol.Started started)
    {
        if (!_startedOnce.Add(started.Vm))
            Happened(new(Wall, "actorRestarted", started.Vm, "the VM's actor starts anew after a fault of its driver; the VM runs on"));
        // Its target it is told by and by, as there is a place for it: after a restart of the daemon all VMs start at once.
        _told.Remove(started.Vm);
        if (_state.Vms.TryGetValue(started.Vm, out var vm))
            Sender.Tell(new VmProtocol.Assume(vm.Spec, vm.Handle, vm.Policy, null, vm.Stop, MayRun: true)
            {
                Booted = vm.BootedAt is not null,
                EverBooted = vm.EverBooted,
                Asked = vm.Spec?.Boot,
            });
        else if (_state.Admissions.TryGetValue(started.Vm, out var admission))
            Sender.Tell(new VmProtocol.Assume(admission.Spec with { Boot = admission.Boot ?? admission.Spec.Boot }, null, admission.Spec.Policy, null, null, MayRun: !_fresh.Remove(started.Vm))
            {
                EverBooted = admission.Tries is not null && !admission.NeverBooted,
                Asked = admission.Spec.Boot,
            });
    }

    private void Reported(VmProtocol.Report report)
    {
        if (!_state.Vms.TryGetValue(report.Vm, out var vm))
            return;
        var phase = _reports.TryGetValue(report.Vm, out var last) ? last.Phase : (VmPhase?)null;
        _reports = _reports.SetItem(report.Vm, report);
        Heard(report);
        if (report.Standing is not { } standing)
            return;
        var before = _state.Ledger;

        // A young VM costs less than it will: what is expected stays set aside, or others would be promised it and the claim outgrow the host later.
        var overhead = MemorySize.Max(vm.Overhead, report.Cost?.Overhead ?? MemorySize.Zero);
        _state = _state with { Ledger = before.Observe(report.Vm, standing.Actual, overhead, report.Resident, looks: _watch is not null) };
        if (report.Resident is not null)
            _heardOf.Add(report.Vm);
        if (_state.Ledger.Claims[report.Vm].Differs(before.Claims[report.Vm]) || report.Phase != phase || (vm.Promise.Target < vm.Promise.Granted && standing.Target == vm.Promise.Target))
            QueuePlan();
        SayDeficit();
        _movers[report.Vm] = _movers.GetValueOrDefault(report.Vm, new()).Observe(standing.Actual, vm.Promise.Target, report.Phase, Now);
        if (vm.BootedAt is null && HostEnds.HasBooted(vm, report))
            Record(new VmBooted(Wall, report.Vm), _ => { });
        if (HostEnds.Moved(vm, report, Wall) is { } moved)
            Record(moved, _ => { });
    }

    private void Release(VmId vm)
    {
        _reports = _reports.Remove(vm);
        _forecasts = _forecasts.Remove(vm);
        _told.Remove(vm);
        _movers.Remove(vm);
        _startedOnce.Remove(vm);
        _unheard.Remove(vm);
        _predictor.Tell(new PredictorProtocol.Forget(vm));
        if (_children.Remove(vm, out var child))
            Context.Stop(child);
        QueuePlan();
    }

    private void Forecast(PredictorProtocol.Forecasts forecasts)
    {
        // Pressure is heard only where the law hears it: a peer's that looks every 10 s is not helped by DMM's agent.
        var heard = _law?.HearsPressure ?? true;
        foreach (var forecast in forecasts.Items)
        {
            if (_state.Vms.ContainsKey(forecast.Vm))
                _forecasts = _forecasts.SetItem(forecast.Vm, heard ? forecast : forecast with { Urgent = false });
        }

        // Whoever else is in need and has said so meanwhile is served by the same plan: a storm of calls is no storm of plans.
        _tick |= forecasts.Tick;
        QueuePlan();
    }

    /// <summary>Several reasons to plan that come together lead to one plan.</summary>
    private void QueuePlan()
    {
        if (!_planQueued)
            Self.Tell(new PlanSoon());
        _planQueued = true;
    }

    private void Plan()
    {
        _planQueued = false;
        if (!HasLooked || StepAdmissions())
            return;
        var (plan, tick) = (HostPlanner.Next(_state, _reports, _forecasts, _told, SettingsNow, _arbiter, _tick, Now, _law), _tick);
        (_waits, _tick) = (plan.Waits, false);
        if (plan.Changes.IsEmpty)
            Planned(plan, tick);
        else
            Record(new PromisesChanged(Wall, plan.Changes), _ => Planned(plan, tick));
    }

    private void Planned(HostPlan plan, bool tick)
    {
        TellTargets();
        Context.System.EventStream.Publish(new Planned(Clocks, tick, plan, _state, _reports, _forecasts, _operations.Held, SettingsNow));
    }

    private void Happened(Happening? happening)
    {
        if (happening is not null)
            Context.System.EventStream.Publish(happening);
    }

    private sealed record PlanSoon;
}
