using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Pattern;
using Akka.Persistence;
using Dmm.Actors.Admission;
using Dmm.Actors.Events;
using Dmm.Actors.Prediction;
using Dmm.Actors.Vms;
using Dmm.Core.Demand;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>
/// Owns the ledger: what each VM of this host was promised. The only actor that writes the host's journal, one stream in one order, so that
/// one replay brings the ledger back before any VM's actor is up. Decides by pure functions (<see cref="HostPlanner"/>,
/// <see cref="Core.Admission.AdmissionRules"/>) and never talks to a hypervisor: what is, the VMs' actors report.
/// </summary>
public sealed partial class HostActor : ReceivePersistentActor
{
    public const string Name = "host";

    private readonly IHypervisor _hypervisor;
    private readonly HostSettings _settings;
    private readonly VmActorSettings _vmSettings;
    private readonly DemandSettings _demandSettings;
    private readonly AdmissionSettings _admissionSettings;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Dictionary<VmId, IActorRef> _children = [];
    private readonly HashSet<VmId> _startedOnce = [];
    private readonly Dictionary<VmId, VmProtocol.SetTarget> _told = [];

    private HostState _state;
    private ImmutableDictionary<VmId, VmProtocol.Report> _reports = ImmutableDictionary<VmId, VmProtocol.Report>.Empty;
    private ImmutableDictionary<VmId, Forecast> _forecasts = ImmutableDictionary<VmId, Forecast>.Empty;
    private IActorRef _predictor = ActorRefs.Nobody;
    private IActorRef _admission = ActorRefs.Nobody;
    private VmId? _gathering;
    private int _spawned;
    private bool _planQueued;
    private bool _inDeficit;

    public HostActor(
        IHypervisor hypervisor, HostSettings settings, VmActorSettings vmSettings, DemandSettings demandSettings, AdmissionSettings admissionSettings)
    {
        (_hypervisor, _settings, _vmSettings, _demandSettings, _admissionSettings) =
            (hypervisor, settings, vmSettings, demandSettings, admissionSettings);
        _state = new(new Ledger(settings.Memory, settings.Reserve));
        Recover<IHostEvent>(Replay);
        Recover<SnapshotOffer>(offer => _state = ((HostSnapshot)offer.Snapshot).Events.Aggregate(_state, static (state, e) => state.Apply(e)));
        Recover<RecoveryCompleted>(_ => TakeUp());
        Command<VmProtocol.Started>(Started);
        Command<VmProtocol.Report>(Reported);
        Command<VmProtocol.Ended>(Ended);
        Command<VmProtocol.Launched>(Launched);
        Command<VmProtocol.LaunchFailed>(LaunchFailed);
        Command<PredictorProtocol.Forecasts>(Forecast);
        Command<PlanSoon>(_ => Plan());
        OperatorCommands();
        AdmissionCommands();
        Command<SaveSnapshotSuccess>(_ => { });
        Command<SaveSnapshotFailure>(failure => _log.Warning(failure.Cause, "the snapshot of the host's journal could not be saved; replay will be longer"));
    }

    public override string PersistenceId => "host";

    private DateTimeOffset Now => Context.System.Scheduler.Now;

    public static Props Props(
        IHypervisor hypervisor, HostSettings settings, VmActorSettings vms, DemandSettings demand, AdmissionSettings admission) =>
        Akka.Actor.Props.Create(() => new HostActor(hypervisor, settings, vms, demand, admission));

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) =>
        _log.Error(cause, "the journal can't be written ({0}): nothing new is promised, the VMs keep their memory", @event.GetType().Name);

    private void Replay(IHostEvent e)
    {
        _state = _state.Apply(e);
        Happened(HostHappenings.Of(e));
    }

    private void TakeUp()
    {
        _predictor = Context.ActorOf(PredictorActor.Props(Self, _demandSettings, _settings.PlanPeriod), "predictor");
        _admission = Context.ActorOf(AdmissionActor.Props(Self, _admissionSettings), "admission");
        foreach (var vm in _state.Vms.Keys)
            Spawn(vm);
        foreach (var (vm, admission) in _state.Admissions)
        {
            if (admission.Reserved is not null)
                Spawn(vm);
        }

        _admission.Tell(new AdmissionProtocol.Restore(
            [.. _state.Admissions.OrderBy(a => a.Value.At).Select(a => new AdmissionProtocol.Wanted(a.Key, a.Value.Deadline, a.Value.Reserved is not null))]));
        if (_state.Vms.Count > 0)
            Happened(new(Now, "recovered", null, $"{_state.Vms.Count} VMs and {_state.Admissions.Count} admissions from the journal"));
    }

    private void Spawn(VmId vm)
    {
        // An actor's name is free again only when its last bearer has stopped, which a VM of the same name need not wait for.
        var name = Context.Child($"vm-{vm}").IsNobody() ? $"vm-{vm}" : $"vm-{vm}~{++_spawned}";
        var machine = VmActor.Props(vm, Self, _predictor, _hypervisor, _vmSettings);
        _children[vm] = Context.ActorOf(
            BackoffSupervisor.Props(Backoff.OnFailure(machine, "machine", _vmSettings.RestartMin, _vmSettings.RestartMax, 0.2, -1)), name);
    }

    private void Started(VmProtocol.Started started)
    {
        if (!_startedOnce.Add(started.Vm))
            Happened(new(Now, "actorRestarted", started.Vm, "the VM's actor starts anew after a fault of its driver; the VM runs on"));
        if (_state.Vms.TryGetValue(started.Vm, out var vm))
            Sender.Tell(new VmProtocol.Assume(vm.Spec, vm.Handle, vm.Policy, vm.Promise, vm.StopGrace));
        else if (_state.Admissions.TryGetValue(started.Vm, out var admission))
            Sender.Tell(new VmProtocol.Assume(admission.Spec, null, admission.Spec.Policy, null, null));
    }

    private void Reported(VmProtocol.Report report)
    {
        if (!_state.Vms.TryGetValue(report.Vm, out var vm))
            return;
        _reports = _reports.SetItem(report.Vm, report);
        if (report.Standing is not { } standing)
            return;
        var before = _state.Ledger;

        // A young VM costs less than it will: what is expected stays set aside, or others would be promised it and the claim outgrow the host later.
        var overhead = MemorySize.Max(vm.Overhead, report.Overhead ?? MemorySize.Zero);
        _state = _state with { Ledger = before.Observe(report.Vm, standing.Actual, overhead) };
        if (_state.Ledger.Claims[report.Vm] != before.Claims[report.Vm] || (vm.Promise.Target < vm.Promise.Granted && standing.Target == vm.Promise.Target))
            QueuePlan();
        SayDeficit();
    }

    private void Ended(VmProtocol.Ended ended)
    {
        if (!_state.Vms.ContainsKey(ended.Vm))
            return;
        Record(new VmEnded(Now, ended.Vm, ended.Why), _ => Release(ended.Vm));
    }

    private void Release(VmId vm)
    {
        _reports = _reports.Remove(vm);
        _forecasts = _forecasts.Remove(vm);
        _told.Remove(vm);
        _startedOnce.Remove(vm);
        _predictor.Tell(new PredictorProtocol.Forget(vm));
        if (_children.Remove(vm, out var child))
            Context.Stop(child);
        QueuePlan();
    }

    private void Forecast(PredictorProtocol.Forecasts forecasts)
    {
        foreach (var forecast in forecasts.Items)
        {
            if (_state.Vms.ContainsKey(forecast.Vm))
                _forecasts = _forecasts.SetItem(forecast.Vm, forecast);
        }

        if (forecasts.Tick)
            QueuePlan();
        else
            Plan();
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
        if (LaunchIfRoom())
            return;
        var changes = HostPlanner.Next(_state, _reports, _forecasts, _settings, _gathering);
        if (changes.IsEmpty)
            TellTargets();
        else
            Record(new PromisesChanged(Now, changes), _ => TellTargets());
    }

    private void TellTargets()
    {
        foreach (var (id, vm) in _state.Vms)
        {
            var message = new VmProtocol.SetTarget(vm.Promise.Target, vm.Policy.Min, vm.Policy.Max, _forecasts.TryGetValue(id, out var forecast) && forecast.Urgent);
            if (_told.TryGetValue(id, out var told) && told == message)
                continue;
            _told[id] = message;
            _children[id].Tell(message);
        }
    }

    private void Record(IHostEvent e, Action<IHostEvent> then) => Persist(e, persisted =>
    {
        _state = _state.Apply(persisted);
        Happened(HostHappenings.Of(persisted));
        then(persisted);
        SayDeficit();
        if (LastSequenceNr % _settings.SnapshotEvery == 0)
            SaveSnapshot(new HostSnapshot(_state.Condense(Now)));
    });

    private void SayDeficit()
    {
        var deficit = _state.Ledger.Deficit;
        if (_inDeficit == !deficit.IsZero)
            return;
        _inDeficit = !deficit.IsZero;
        if (_inDeficit)
            _log.Warning("claims are {0} more than this host has: nothing is granted until that holds again", deficit);
        Happened(_inDeficit
            ? new(Now, "deficit", null, $"claims are {deficit} more than this host has: nothing is granted until that holds again")
            : new(Now, "deficitOver", null, "claims fit the host again"));
    }

    private void Happened(Happening? happening)
    {
        if (happening is not null)
            Context.System.EventStream.Publish(happening);
    }

    private sealed record PlanSoon;
}
