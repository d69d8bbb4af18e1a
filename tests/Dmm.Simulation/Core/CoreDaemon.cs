using System.Collections.Immutable;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>
/// One life of the daemon around the same machine that the real daemon runs (<see cref="HostMachine"/>): mailbox, delays, the journal's
/// writes and crashes. It decides nothing. It handles one message at a time; while a decision is being written, it handles no other.
/// </summary>
internal sealed partial class CoreDaemon
{
    private const int SnapshotEvery = 50;

    private readonly CoreWorld _world;
    private readonly HostMachine _machine;
    private readonly SortedDictionary<VmId, VmShell> _shells = [];
    private readonly SortedDictionary<VmId, Line> _toHost = [];
    private readonly SortedDictionary<VmId, Line> _toVm = [];
    private readonly AdmissionMachine _admission;
    private readonly Line _toLine;
    private readonly Line _fromLine;
    private readonly SortedDictionary<VmId, Moment> _firstSeen = [];
    private readonly CorePredictor _predictor;
    private readonly Ledger _empty;
    private readonly Answers _answers = new();
    private HostInbox<CoreWorld> _mailbox = new();
    private Host _host;
    private Admissions _line = new();
    private int _life;
    private ImmutableArray<VmHandle> _watched;
    private bool _persisting;
    private bool _pumping;
    private bool _looking;
    private long _wake;
    private long _wakeLine;

    public CoreDaemon(CoreWorld world, HostSettings settings)
    {
        _world = world;
        _machine = new(settings, new MechanismProfile());
        (_admission, _toLine, _fromLine) = (new(settings.Admission), new(world.Agenda), new(world.Agenda));
        _predictor = new(world);
        _empty = new(settings.Memory, settings.Reserve);
        _host = Recovered();
        Enqueue(new HostCommand.TakeUp(world.BootId));
        Tick();
    }

    public bool Alive { get; private set; } = true;

    /// <summary>
    /// The first time that the memory of a VM's process was known, for each process that nobody could look at when this daemon began. In
    /// a real daemon the host's available memory would have shown at the first look that some process keeps memory.
    /// </summary>
    public IReadOnlyDictionary<VmId, Moment> FirstSeen => _firstSeen;

    public HostState State => _host.State;

    public IReadOnlyDictionary<VmId, VmShell> Shells => _shells;

    public bool TakenUp => !_watched.IsDefault;

    public bool AllHeard => _host.AllHeard;

    public bool InControl => _host.InControl;

    /// <summary>The limit of a VM's control group, as its last report has it; null for none.</summary>
    public MemorySize? LimitOf(VmId id) => _host.Reports.GetValueOrDefault(id)?.Cost?.Limit;

    /// <summary>A request that is not answered yet.</summary>
    public string? Unanswered => _answers.Open;

    /// <summary>The time at which the host's actor started.</summary>
    public Moment HostSince { get; private set; }

    /// <summary>The time at which a promise last changed.</summary>
    public Moment ChangedAt { get; private set; }

    public bool Quiet => _mailbox.Count == 0 && !_persisting;

    public void Die()
    {
        Alive = false;
        foreach (var shell in _shells.Values)
            shell.End();
    }

    /// <summary>
    /// Restarts the actors of the host and of the line: their state is lost, and so are the messages sent to them so far. All other
    /// actors live on.
    /// </summary>
    private void StartHostAnew(string when, HostDecision lost)
    {
        _world.Log.Note($"the host's actor restarts {when}");
        // A VM that was launched, but whose launch is not in the journal, may be gone before anybody asks.
        foreach (var launched in lost.Events.OfType<VmLaunched>())
        {
            if (_world.Befalls(Fault.Dies, 3) && _world.ProcessOf(launched.Vm) is { Running: true } vm)
                _world.End(vm, "it died while nobody heard");
        }

        _life++;
        (_mailbox, _line, _persisting, _looking, _watched) = (new(), new(), false, false, default);
        Wake(null);
        WakeLine(null);
        _answers.Forget();
        _host = Recovered();
        Enqueue(new HostCommand.TakeUp(_world.BootId));
    }

    /// <summary>Changes of promises are frequent, so they fail less often: rare events must be lost now and then, too.</summary>
    private static int HostFails(HostDecision decision) => decision.Events[0] is PromisesChanged ? 300 : 40;

    private Host Recovered()
    {
        HostSince = _world.Agenda.Now;
        return new(_world.Journal.Replay(_empty, _world.Clocks), _machine.Settings, Watches: true);
    }

    private bool Lives(int life) => Alive && life == _life;

    /// <summary>Sends a message of a VM's actor to the host's actor.</summary>
    public void Receive(VmId from, IHostCommand command) =>
        LineOf(_toHost, from).Send(_world.Delay(Fault.MessageLate), () => Enqueue(command));

    public void Enqueue(IHostCommand command)
    {
        if (!Alive)
            return;
        _mailbox.Put(command, _world);
        if (_mailbox.Count > _world.MostMessages)
            throw new ViolationException("a mailbox without a bound", $"{_mailbox.Count} messages wait for the host");
        Pump();
    }

    public void Restart(VmId id, VmShell failed)
    {
        if (Alive && _shells.GetValueOrDefault(id) == failed)
            _shells[id] = new(_world, this, id);
    }

    /// <summary>Does the predictor's part: a sample becomes a forecast, which is sent at once under pressure.</summary>
    public void Sampled(PredictorProtocol.Sampled sampled)
    {
        if (_predictor.Take(sampled).Forecast is { Urgent: true } forecast)
        {
            Receive(sampled.Vm, new PredictorProtocol.Forecasts([forecast], Tick: false));
            ToVm(sampled.Vm, shell => shell.InNeed(forecast.Demand));
        }
    }

    public void GuestReset(VmId id) => _predictor.Reset(id);

    private void Tick() => _world.Agenda.In(_machine.Settings.PlanPeriod, () =>
    {
        if (!Alive)
            return;
        Look();
        _predictor.Beat();
        Enqueue(new HostCommand.Beat());
        _world.Invariants.Overdue(this);
        Tick();
    });

    /// <summary>
    /// Looks at the host, one look at a time, as the host's monitor does.
    /// </summary>
    private void Look()
    {
        // Before the journal is taken up, nobody knows which VMs to look at.
        if (_looking || _watched.IsDefault)
            return;
        _looking = true;
        var (looked, sight, life) = (_watched, _world.Sight(_watched), _life);
        _world.Agenda.In(_world.LookTime(), () =>
        {
            if (!Lives(life))
                return;
            _looking = false;
            Enqueue(new HostMonitorProtocol.Saw(sight, looked));
        });
    }

    /// <summary>Handles one message, which is one step.</summary>
    private void Pump()
    {
        if (_pumping || _persisting || _mailbox.Count == 0)
            return;
        _pumping = true;
        _world.Agenda.In(TimeSpan.FromMicroseconds(50), () =>
        {
            _pumping = false;
            // The handling before may have queued a message before it began to write.
            if (!Alive || _persisting)
                return;
            if (_mailbox.TryTake(out var command, out _))
                Decide(command);
            Pump();
        });
    }

    private void Decide(IHostCommand command)
    {
        SeeFirst(command);
        var (before, made) = (_host, _world.Clocks);
        var decision = _machine.Decide(_host, command, made);
        Answers.Decided(command, decision);
        if (decision.Events.IsEmpty)
        {
            _host = decision.Host;
            Follow(before);
            Perform(decision, command);
        }
        else
        {
            Write(decision, command, made);
        }
    }

    /// <summary>Writes a decision, and acts on it once it is written; the daemon may die before, after, and in between.</summary>
    private void Write(HostDecision decision, IHostCommand command, Clocks made)
    {
        _persisting = true;
        var (state, life) = (State, _life);
        foreach (var e in decision.Events)
        {
            _world.Invariants.Decided(command, state, e);
            state = state.Apply(e, new(made.Now, e.At));
        }

        _world.Agenda.In(_world.WriteTime(), () =>
        {
            if (!Alive)
                return;
            var what = decision.Events[0].GetType().Name;
            if (_world.Befalls(Fault.CrashBeforeWrite, 300))
            {
                _world.Crash($"before {what} was written");
                return;
            }

            if (_world.Befalls(Fault.HostFails, HostFails(decision)))
            {
                StartHostAnew($"before {what} was written", decision);
                return;
            }

            foreach (var e in decision.Events)
            {
                _world.Journal.Append(e, new(made.Now, e.At));
                _world.Written(e);
            }

            if (_world.Befalls(Fault.CrashAfterWrite, 300))
            {
                _world.Crash($"after {what} was written");
                return;
            }

            if (_world.Befalls(Fault.HostFails, HostFails(decision)))
            {
                StartHostAnew($"after {what} was written", decision);
                return;
            }

            _world.Agenda.In(TimeSpan.FromMicroseconds(50), () =>
            {
                if (Lives(life))
                    Written(decision, command);
            });
        });
    }

    private void Written(HostDecision decision, IHostCommand command)
    {
        var before = _host;
        (_host, _persisting) = (decision.Host, false);
        foreach (var e in decision.Events)
        {
            if (e is PromisesChanged)
                ChangedAt = _world.Agenda.Now;
            _world.Log.Note($"{Describe(e)}");
        }

        Follow(before);
        Perform(decision, command);
        var count = _world.Journal.Count;
        if (count / SnapshotEvery > (count - decision.Events.Length) / SnapshotEvery)
        {
            // The snapshot is saved while the journal goes on.
            var (condensed, life) = (State.Condense(_world.Clocks), _life);
            _world.Agenda.In(_world.WriteTime(), () =>
            {
                if (Lives(life))
                    _world.Journal.Snapshot(condensed, count);
            });
        }

        Pump();
    }

    /// <summary>
    /// Notes that the host has become smaller, or larger again: the world is to blame for the excess of claims at that moment.
    /// </summary>
    private void Follow(Host before)
    {
        if (before.State.Ledger.HostMemory != State.Ledger.HostMemory)
            _world.HostLoss = State.Ledger.Deficit;
    }

    private void SeeFirst(IHostCommand command)
    {
        ImmutableArray<VmId> seen = command switch
        {
            VmProtocol.Report { Resident: not null } report => [report.Vm],
            HostMonitorProtocol.Saw saw => [.. saw.Sight.Resident.Keys],
            _ => [],
        };
        foreach (var id in seen)
        {
            if (State.Ledger.Claims.GetValueOrDefault(id) is { Resident.IsZero: true })
                _firstSeen[id] = _world.Now;
        }
    }

    private void ToVm(VmId id, Action<VmShell> handle) => LineOf(_toVm, id).Send(_world.Delay(Fault.MessageLate), () =>
    {
        if (Alive && _shells.TryGetValue(id, out var shell))
            handle(shell);
    });

    private Line LineOf(SortedDictionary<VmId, Line> lines, VmId id) =>
        lines.TryGetValue(id, out var line) ? line : lines[id] = new(_world.Agenda);

    private static string Describe(IHostEvent e) => e switch
    {
        PromisesChanged p => "promised "
            + string.Join("; ", p.Changes.Select(
                c => $"{c.Vm} {c.Was} → granted {c.Granted}, target {c.Target}, lease {c.Lease} ({c.Ruling})")),
        AdmissionPlanned p => $"{p.Vm} planned, {p.Plan.For} to gather: {AdmissionWords.Of(p.Plan)}",
        AdmissionWaits w => $"{w.Vm} waits: {w.Why}",
        MemoryReserved m => $"{m.Size} set aside for {m.Vm}, {m.Boot} to boot with",
        LaunchBegun b => $"launch of {b.Vm} begun, {b.Reserved} reserved",
        VmRequested r => $"{r.Spec.Id} wanted: boot {r.Spec.Boot}, min {r.Spec.Policy.Min}, max {r.Spec.Policy.Max}",
        VmLaunched l => $"{l.Vm} launched",
        AdmissionEnded a => $"{a.Vm} not created: {a.End}, {a.Why}",
        VmAdopted a => $"{a.Handle.Id} adopted with {a.Granted}",
        VmEnded d => $"{d.Vm} ended: {d.Why}",
        VmRested r =>
        $"{r.Spec.Id} rests, {r.Cause}: {r.Why}; {(r.ReturnAt is { } at ? $"returns in {(at - r.At).TotalSeconds} s" : "stays so")}",
        VmForgotten f => $"{f.Vm} forgotten",
        LetGoEnded g => $"{g.Vm}, which was forgotten, is gone",
        _ => e.ToString() ?? "",
    };
}
