using System.Collections.Immutable;
using Dmm.Actors.Hosts;
using Dmm.Actors.Prediction;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Demand;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Lab.Core;

/// <summary>
/// One life of the daemon: the host's actor as <see cref="HostActor"/> is, without Akka, and the shells of its VMs. One message at a time; while
/// an event is being written, nothing else is looked at.
/// </summary>
internal sealed partial class Daemon
{
    private const int SnapshotEvery = 50;

    private readonly World _world;
    private readonly HostSettings _settings;
    private readonly Queue<Action> _mailbox = [];
    private readonly SortedDictionary<VmId, VmShell> _shells = [];
    private readonly SortedDictionary<VmId, Line> _toHost = [];
    private readonly SortedDictionary<VmId, Line> _toVm = [];
    private readonly SortedDictionary<VmId, Told> _told = [];
    private readonly Arbiter _arbiter;
    private readonly DemandModels _models = new(new());
    private readonly SortedDictionary<VmId, Mover> _movers = [];
    private ImmutableDictionary<VmId, VmProtocol.Report> _reports = ImmutableDictionary<VmId, VmProtocol.Report>.Empty;
    private ImmutableDictionary<VmId, Forecast> _forecasts = ImmutableDictionary<VmId, Forecast>.Empty;
    private ImmutableArray<Wait> _waits = [];
    private readonly HashSet<VmId> _heardOf = [];
    private readonly SortedDictionary<VmId, Moment> _firstSeen = [];
    private Operations _operations = new();
    private long _tellings;
    private bool _tick;
    private bool _inDeficit;
    private bool _planQueued;
    private bool _persisting;
    private bool _pumping;
    private bool _looking;

    public Daemon(World world, HostSettings settings)
    {
        (_world, _settings) = (world, settings);
        _arbiter = new(settings.UtilityWeight);
        State = world.Journal.Replay(new Ledger(settings.Memory, settings.Reserve), world.Clocks);
        EndThoseOfAnotherBoot();
        // Before the first look nothing is promised.
        State = State with { Ledger = State.Ledger.See(Seen(), _heardOf) };
        foreach (var (vm, admission) in State.Admissions)
        {
            if (admission.State == AdmissionState.Launching)
                Spawn(vm);
            else if (admission.Reserved is null)
                Deadline(vm, admission.Deadline);
        }

        QueuePlan();
        Tick();
    }

    public bool Alive { get; private set; } = true;

    /// <summary>
    /// Since when it is known what the process of a VM holds, which nobody could look at when this daemon began. A real one's first look would have shown in
    /// what is available that somebody keeps something.
    /// </summary>
    public IReadOnlyDictionary<VmId, Moment> FirstSeen => _firstSeen;

    public HostState State { get; private set; }

    public ImmutableDictionary<VmId, VmProtocol.Report> Reports => _reports;

    public IReadOnlyDictionary<VmId, VmShell> Shells => _shells;

    /// <summary>When a promise was last changed.</summary>
    public Moment ChangedAt { get; private set; }

    public bool Quiet => _mailbox.Count == 0 && !_persisting;

    public void Die()
    {
        Alive = false;
        foreach (var shell in _shells.Values)
            shell.End();
    }

    /// <summary>A message to the host's actor, on its way.</summary>
    public void Receive(VmId from, Action handle) => LineOf(_toHost, from).Send(_world.Delay(Fault.MessageLate), () => Enqueue(handle));

    public void Enqueue(Action handle)
    {
        if (!Alive)
            return;
        _mailbox.Enqueue(handle);
        Pump();
    }

    public void Restart(VmId id, VmShell failed)
    {
        if (Alive && _shells.GetValueOrDefault(id) == failed)
            _shells[id] = new(_world, this, id);
    }

    public void Started(VmId id)
    {
        _told.Remove(id);
        var part = State.Vms.TryGetValue(id, out var vm) ? new VmProtocol.Assume(vm.Spec, vm.Handle, vm.Policy, null, vm.Stop, MayRun: true)
            : State.Admissions.TryGetValue(id, out var admission) ? new(admission.Spec with { Boot = admission.Boot ?? admission.Spec.Boot }, null, admission.Spec.Policy, null, null, MayRun: true)
            : null;
        if (part is not null)
            ToVm(id, shell => shell.Assume(part));
    }

    public void Reported(VmProtocol.Report report)
    {
        if (!State.Vms.TryGetValue(report.Vm, out var vm))
            return;
        var phase = _reports.TryGetValue(report.Vm, out var last) ? last.Phase : (VmPhase?)null;
        _reports = _reports.SetItem(report.Vm, report);
        if (report.Standing is not { } standing)
            return;
        var before = State.Ledger;
        if (report.Resident is not null)
            SeeFirst(report.Vm);
        var overhead = MemorySize.Max(vm.Overhead, report.Cost?.Overhead ?? MemorySize.Zero);
        State = State with { Ledger = before.Observe(report.Vm, standing.Actual, overhead, report.Resident, looks: true) };
        if (report.Resident is not null)
            _heardOf.Add(report.Vm);
        if (State.Ledger.Claims[report.Vm].Differs(before.Claims[report.Vm]) || report.Phase != phase || (vm.Promise.Target < vm.Promise.Granted && standing.Target == vm.Promise.Target))
            QueuePlan();
        _movers[report.Vm] = _movers.GetValueOrDefault(report.Vm, new()).Observe(standing.Actual, vm.Promise.Target, report.Phase, _world.Now);
        LookAtDeficit();
        if (vm.BootedAt is null && HostEnds.HasBooted(vm, report))
            Record(new VmBooted(_world.Wall, report.Vm), () => { });
        else if (HostEnds.Moved(vm, report, _world.Wall) is { } moved)
            Record(moved, () => { });
    }

    /// <summary>What the processes of VMs hold at this moment, as far as they can be looked at.</summary>
    private Dictionary<VmId, MemorySize> Seen() => _world.Processes.Values
        .Where(p => p.Running && State.Vms.TryGetValue(p.Id, out var vm) && vm.Handle.SameProcess(p.Handle) && !_world.Befalls(Fault.ProcessHidden, 20))
        .ToDictionary(p => p.Id, p => p.Resident);

    /// <summary>One look at a time, as the host's eye has it: at most one is on its way that is older than what a VM has told meanwhile.</summary>
    private void Look()
    {
        if (_looking)
            return;
        _looking = true;
        var seen = Seen();
        _world.Agenda.In(_world.Delay(Fault.MessageLate), () =>
        {
            _looking = false;
            Enqueue(() => See(seen));
        });
    }

    private void SeeFirst(VmId id)
    {
        if (State.Ledger.Claims.GetValueOrDefault(id) is { Resident.IsZero: true })
            _firstSeen[id] = _world.Now;
    }

    private void See(Dictionary<VmId, MemorySize> seen)
    {
        var before = State.Ledger.Claimed;
        foreach (var id in seen.Keys)
            SeeFirst(id);
        State = State with { Ledger = State.Ledger.See(seen, _heardOf) };
        _heardOf.Clear();
        if (State.Ledger.Claimed != before)
            QueuePlan();
        LookAtDeficit();
    }

    /// <summary>The host has become smaller, or larger again.</summary>
    public void Follow(MemorySize memory)
    {
        State = State with { Ledger = State.Ledger.Follow(memory) };
        _world.HostLoss = State.Ledger.Deficit;
        LookAtDeficit();
        QueuePlan();
    }

    /// <summary>The predictor's part: a sample becomes a forecast, at once under pressure.</summary>
    public void Sampled(VmId id, GuestSample sample, VmSizes sizes, MemorySize? most)
    {
        var taken = _models.Take(id, sample, sizes, _world.Wall, most);
        // A daemon would lose that model alone; but no sample may make one fail.
        if (taken.Fault is { } fault)
            throw new ViolationException("a model failed", $"of {id}: {fault}");
        if (taken.Forecast is { Urgent: true } forecast)
            Receive(id, () => Forecast(new([forecast], Tick: false)));
    }

    private void Tick() => _world.Agenda.In(_settings.PlanPeriod, () =>
    {
        if (!Alive)
            return;
        var all = _models.Current;
        Enqueue(LookForThoseLetGo);
        Look();
        Enqueue(() => Forecast(new(all, Tick: true)));
        Tick();
    });

    private void Forecast(PredictorProtocol.Forecasts forecasts)
    {
        foreach (var forecast in forecasts.Items)
        {
            if (State.Vms.ContainsKey(forecast.Vm))
                _forecasts = _forecasts.SetItem(forecast.Vm, forecast);
        }

        _tick |= forecasts.Tick;
        if (forecasts.Tick)
            QueuePlan();
        else
            Plan();
    }

    private void QueuePlan()
    {
        if (!_planQueued)
            Enqueue(Plan);
        _planQueued = true;
    }

    private void Plan()
    {
        _planQueued = false;
        if (StepAdmissions())
            return;
        (var changes, _waits) = HostPlanner.Next(State, _reports, _forecasts, _told, _settings, _arbiter, _tick, _world.Now);
        _tick = false;
        if (changes.IsEmpty)
            TellTargets();
        else
            Record(new PromisesChanged(_world.Wall, changes), TellTargets);
    }

    private void TellTargets()
    {
        (var tell, _operations) = HostDispatch.Next(State, _reports, _forecasts, _told, _operations, _waits, _settings, _world.Now);
        foreach (var (id, message) in tell)
        {
            _told[id] = new(message, ++_tellings);
            var numbered = message with { Number = _tellings };
            ToVm(id, shell => shell.SetTarget(numbered));
        }
    }

    private void LookAtDeficit()
    {
        var deficit = !State.Ledger.Deficit.IsZero;
        if (deficit && !_inDeficit)
            QueuePlan();
        _inDeficit = deficit;
    }

    private void Spawn(VmId id) => _shells[id] = new(_world, this, id);

    private void Release(VmId id)
    {
        _reports = _reports.Remove(id);
        _forecasts = _forecasts.Remove(id);
        _told.Remove(id);
        _movers.Remove(id);
        _models.Forget(id);
        if (_shells.Remove(id, out var shell))
            shell.End();
        QueuePlan();
    }

    private void ToVm(VmId id, Action<VmShell> handle) => LineOf(_toVm, id).Send(_world.Delay(Fault.MessageLate), () =>
    {
        if (Alive && _shells.TryGetValue(id, out var shell))
            handle(shell);
    });

    private Line LineOf(SortedDictionary<VmId, Line> lines, VmId id) => lines.TryGetValue(id, out var line) ? line : lines[id] = new(_world.Agenda);

    /// <summary>One message is one step.</summary>
    private void Pump()
    {
        if (_pumping || _persisting || _mailbox.Count == 0)
            return;
        _pumping = true;
        _world.Agenda.In(TimeSpan.FromMicroseconds(50), () =>
        {
            _pumping = false;
            // What was being looked at may have put down a message before it began to write.
            if (!Alive || _persisting)
                return;
            _mailbox.Dequeue()();
            Pump();
        });
    }

    /// <summary>Writes an event, and acts on it once it is written; the daemon may die before, after, and in between.</summary>
    private void Record(IHostEvent e, Action then)
    {
        if (_persisting)
            throw new ViolationException("one event after the other", $"{e.GetType().Name} is decided while another is being written");
        _persisting = true;
        var now = new Clocks(_world.Now, e.At);
        Checks.Decided(this, e);
        _world.Agenda.In(_world.WriteTime(), () =>
        {
            if (!Alive)
                return;
            if (_world.Befalls(Fault.CrashBeforeWrite, 300))
            {
                _world.Crash($"before {e.GetType().Name} was written");
                return;
            }

            _world.Journal.Append(e, now);
            _world.Written(e);
            if (_world.Befalls(Fault.CrashAfterWrite, 300))
            {
                _world.Crash($"after {e.GetType().Name} was written");
                return;
            }

            _world.Agenda.In(TimeSpan.FromMicroseconds(50), () =>
            {
                if (Alive)
                    Persisted(e, now, then);
            });
        });
    }

    private void Persisted(IHostEvent e, Clocks now, Action then)
    {
        State = State.Apply(e, now);
        _persisting = false;
        if (e is PromisesChanged)
            ChangedAt = _world.Agenda.Now;
        _world.Log.Note($"{Describe(e)}");
        then();
        LookAtDeficit();
        if (_world.Journal.Count % SnapshotEvery == 0)
        {
            // It is saved while the journal goes on.
            var (condensed, count) = (State.Condense(_world.Clocks), _world.Journal.Count);
            _world.Agenda.In(_world.WriteTime(), () =>
            {
                if (Alive)
                    _world.Journal.Snapshot(condensed, count);
            });
        }

        Pump();
    }

    private static string Describe(IHostEvent e) => e switch
    {
        PromisesChanged p => "promised " + string.Join("; ", p.Changes.Select(c => $"{c.Vm} {c.Was} → granted {c.Granted}, target {c.Target} ({c.Ruling})")),
        AdmissionPlanned p => $"{p.Vm} planned, {p.Plan.For} to gather: {AdmissionWords.Of(p.Plan)}",
        AdmissionWaits w => $"{w.Vm} waits: {w.Why}",
        MemoryReserved m => $"{m.Size} set aside for {m.Vm}, {m.Boot} to boot with",
        LaunchBegun b => $"launch of {b.Vm} begun, {b.Reserved} reserved",
        VmRequested r => $"{r.Spec.Id} wanted: boot {r.Spec.Boot}, min {r.Spec.Policy.Min}, max {r.Spec.Policy.Max}",
        VmLaunched l => $"{l.Vm} launched",
        AdmissionEnded a => $"{a.Vm} not created: {a.End}, {a.Why}",
        VmAdopted a => $"{a.Handle.Id} adopted with {a.Granted}",
        VmEnded d => $"{d.Vm} ended: {d.Why}",
        VmRested r => $"{r.Spec.Id} rests, {r.Cause}: {r.Why}; {(r.ReturnAt is { } at ? $"returns in {(at - r.At).TotalSeconds} s" : "stays so")}",
        VmForgotten f => $"{f.Vm} forgotten",
        LetGoEnded g => $"{g.Vm}, which was let go of, is gone",
        _ => e.ToString() ?? "",
    };
}
