using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Dmm.Core;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Vms;

/// <summary>
/// Owns one VM: its connection to the hypervisor and its memory's state. Everything it decides is decided by
/// <see cref="HotplugMachine"/>; the actor carries that out, one call to the driver at a time, and tells the host what is. A fault of the
/// driver ends this actor's incarnation alone: its supervisor starts it anew, with back-off, and the VM runs on all the while.
/// </summary>
public sealed partial class VmActor : ReceiveActor, IWithTimers
{
    private readonly VmId _id;
    private readonly IActorRef _host;
    private readonly IActorRef _predictor;
    private readonly IHypervisor _hypervisor;
    private readonly VmActorSettings _settings;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _life = new();

    private VmProtocol.Assume? _part;
    private VmMemory _memory;
    private IVirtualMachine? _vm;
    private int _connection;
    private int _attempts;
    private long _heard;
    private bool _stopping;
    private GuestHello? _hello;
    private GuestSample? _sample;
    private HostCost? _cost;
    private MemorySize? _resident;

    public VmActor(VmId id, IActorRef host, IActorRef predictor, IHypervisor hypervisor, VmActorSettings settings)
    {
        (_id, _host, _predictor, _hypervisor, _settings) = (id, host, predictor, hypervisor, settings);
        _memory = new() { Profile = settings.Profile };
        Receive<VmProtocol.Assume>(Assume);
        Receive<VmProtocol.SetTarget>(t =>
        {
            _heard = t.Number;
            Feed(new VmCommand.SetTarget(t.Target, t.Max, t.Urgent, t.Min), alwaysReport: true);
        });
        Receive<VmProtocol.Stop>(stop => Stop(stop.Order));
        Receive<VmProtocol.GoOn>(_ => GoOn());
        Receive<StopDeadline>(_ => StopIsLate());
        Receive<Asked>(_ => { });
        Receive<ProcessEnded>(_ => End("its process was ended", EndCause.Failed));
        Receive<NotEnded>(NotEnded_);
        Receive<EndAgain>(_ => TryToEnd());
        Receive<AskOnceMore>(_ => AskToPowerDown());
        Receive<LaunchNow>(l => Launch(l.Spec, mayRun: false));
        Receive<Launched>(l => TakeUp(l.Handle));
        Receive<LaunchFailed>(f => _host.Tell(new VmProtocol.LaunchFailed(_id, f.Why)));
        Receive<Connected>(Connected_);
        Receive<ConnectFailed>(ConnectFailed_);
        Receive<Observed>(o => o.Connection == _connection, o => Observe(o.Fact));
        Receive<Observed>(_ => { });
        Receive<CallDone>(done => done.Connection == _connection, _ => CallEnded(new VmCommand.Look()));
        Receive<CallDone>(_ => { });
        Receive<AdditionRefused>(refused => refused.Connection == _connection, refused => CallEnded(new VmCommand.Refuse(refused.Addition, refused.Why)));
        Receive<AdditionRefused>(_ => { });
        // A call that was under way when the VM ended, or is being ended, failed for that: its connection tells of the end as its last word.
        Receive<Faulted>(f => f.Connection == _connection && _vm is not null && f.Cause is VmGoneException, _ => { });
        Receive<Faulted>(f => f.Connection == _connection && _vm is not null && _endWhy is not null, f => _unheeded = f.Cause);
        Receive<Faulted>(f => f.Connection == _connection, f => throw Fault(f.Cause));
        Receive<Faulted>(_ => { });
        Receive<CostMeasured>(m => _cost = m.Cost ?? _cost);
        Receive<Reconnect>(_ => Connect());
        Receive<Look>(_ => Feed(new VmCommand.Look()));
        Receive<ReportNow>(_ => Report());
        Receive<MeasureCost>(_ => Measure());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>What is decided by.</summary>
    private Moment Now => Clocks.MomentOf(_settings.Time);

    /// <summary>For people.</summary>
    private DateTimeOffset Wall => Clocks.Read(_settings.Time).Wall;

    public static Props Props(VmId id, IActorRef host, IActorRef predictor, IHypervisor hypervisor, VmActorSettings settings) =>
        Akka.Actor.Props.Create(() => new VmActor(id, host, predictor, hypervisor, settings));

    protected override void PreStart() => _host.Tell(new VmProtocol.Started(_id));

    protected override void PostStop()
    {
        _life.Cancel();
        _life.Dispose();
        LetGo();
    }

    private void Assume(VmProtocol.Assume part)
    {
        _part = part;
        if (part.Promise is { } promise)
            Feed(new VmCommand.SetTarget(promise.Target, part.Policy.Max, false, part.Policy.Min));
        if (part.Handle is not null)
            Connect();
        else
            Launch(part.Spec!, part.MayRun);
    }

    private void TakeUp(VmHandle handle)
    {
        _part = _part! with { Handle = handle };
        _host.Tell(new VmProtocol.Launched(_id, handle));
        Connect();
    }

    private void Connected_(Connected c)
    {
        if (c.Connection != _connection)
            return;
        (_vm, _attempts) = (c.Vm, 0);
        if (c.Vm.Identity is { } identity && identity != _part!.Handle)
        {
            _part = _part with { Handle = identity };
            _host.Tell(new VmProtocol.Identified(_id, identity));
        }

        Feed(new VmCommand.Connect(c.Vm.Capabilities), alwaysReport: true);
        Timers.StartPeriodicTimer("look", new Look(), _settings.LookPeriod);
        Timers.StartPeriodicTimer("report", new ReportNow(), _settings.ReportPeriod);
        Timers.StartPeriodicTimer("overhead", new MeasureCost(), TimeSpan.Zero, _settings.OverheadPeriod);
        if (_part!.Stop is { } order)
            Stop(order);
        CallNext();
    }

    private void ConnectFailed_(ConnectFailed f)
    {
        if (f.Connection != _connection)
            return;
        if (f.Cause is VmGoneException gone)
        {
            End(f.Cause.Message, gone.Cause);
            return;
        }

        Lose(f.Cause.Message);
    }

    private void Observe(VmObservation fact)
    {
        switch (fact)
        {
            case VmObservation.Sizes sizes:
                _resident = sizes.Resident;
                Feed(new VmCommand.ObserveSizes(sizes.Value));
                // Where there was nothing to tell it is not told later either, when it may be long past.
                _resident = null;
                break;
            case VmObservation.Sample sample:
                _sample = sample.Value;
                if (_memory.Sizes is { } known)
                    _predictor.Tell(new PredictorProtocol.Sampled(_id, sample.Value, known, _memory.Possible));
                Feed(new VmCommand.ObserveSample(sample.Value));
                break;
            case VmObservation.RunState run:
                Feed(new VmCommand.ObserveRunState(run.Value, run.Why), alwaysReport: true);
                break;
            case VmObservation.Hello hello:
                // It introduces itself again and again; only who it is makes a difference here.
                if (_hello?.Kernel != hello.Value.Kernel || _hello?.AgentVersion != hello.Value.AgentVersion)
                    Happened("agentHello", $"the guest's agent {hello.Value.AgentVersion} speaks, kernel {hello.Value.Kernel}");
                _hello = hello.Value;
                Feed(new VmCommand.ObserveHello(hello.Value), alwaysReport: true);
                break;
            case VmObservation.Able able:
                Happened("able", $"it can be plugged up to {able.Value.PluggableMax} from now on", to: able.Value.PluggableMax);
                Feed(new VmCommand.Connect(able.Value), alwaysReport: true);
                break;
            case VmObservation.AgentSilent silent:
                Happened("agentSilent", silent.Why);
                Report();
                break;
            case VmObservation.ConnectionLost lost:
                Lose(lost.Why);
                break;
            case VmObservation.Ended ended:
                End(ended.Why, ended.Cause);
                break;
        }
    }

    private void Feed(VmCommand command, bool alwaysReport = false)
    {
        WatchBoot();
        var before = _memory;
        foreach (var e in HotplugMachine.Decide(_memory with { Busy = Busy }, command, Now))
        {
            _memory = HotplugMachine.Apply(_memory, e);
            Act(e);
        }

        if (alwaysReport || before.Phase != _memory.Phase || before.Sizes != _memory.Sizes)
            Report();
    }

    private void Act(VmEvent e)
    {
        switch (e)
        {
            case VmEvent.BalloonAsked ask:
                Call("balloon", (vm, cancellation) => vm.SetBalloonedAsync(ask.Ballooned, cancellation));
                break;
            case VmEvent.PlugAsked ask:
                Call("hotplug", (vm, cancellation) => vm.SetPluggedAsync(ask.Plugged, cancellation));
                break;
            case VmEvent.RescueAsked rescue:
                Happened("rescued", $"its guest has {_memory.Available} left and can't be plugged: it gets a rescue DIMM of {rescue.Base - _memory.Sizes!.Base}");
                Add(Addition.RescueDimm, (vm, cancellation) => vm.RescueAsync(cancellation));
                break;
            case VmEvent.ExtensionAsked extension:
                Happened("extended", $"its max {_memory.Max} is beyond its devices: another is added, up to {extension.PluggableMax}");
                Add(Addition.Device, (vm, cancellation) => vm.ExtendAsync(extension.PluggableMax, cancellation));
                break;
            case VmEvent.Refused refused:
                Happened("refused", $"{(refused.Addition == Addition.Device ? "a further hotplug device" : "a rescue DIMM")} was refused: {refused.Why}");
                break;
            case VmEvent.PhaseEntered entered:
                var text = entered.Why is null ? $"{entered.Phase} at {_memory.Actual}" : $"{entered.Phase} at {_memory.Actual}: {entered.Why}";
                Happened(KindOf(entered.Phase), text, to: _memory.Target);
                break;
        }
    }

    private void Report()
    {
        // What has been decided but not yet carried out is not confirmed: no target is answered for until the calls are through.
        var answered = Busy ? null : _memory.Target;
        _host.Tell(new VmProtocol.Report(
            _id, _memory.Phase, _stopping ? _stopWhy : _memory.Why ?? (_silent is not null && !HasSpoken ? "nothing was heard of its guest yet" : null), _memory.Sizes, _memory.Sizes is null ? null : new(_memory.Actual, _memory.Ceiling, answered))
        {
            Heard = _heard,
            Capabilities = _memory.Capabilities,
            Most = _memory.Target is null ? null : Ladder.Reachable(_memory, _memory.Max),
            Hello = _hello,
            Sample = _sample,
            Cost = _cost,
            Resident = _resident,
            Warnings = Warnings(),
            Stopping = _stopping,
            RunState = _memory.RunState,
        });
        // Told once: it is of the moment of those sizes, and the host looks itself from time to time.
        _resident = null;
    }

    private ImmutableArray<string> Warnings() =>
    [
        .. _silent is { } silent && !HasSpoken ? [silent] : ImmutableArray<string>.Empty,
        .. _memory.Capabilities?.Lacks ?? [],
        .. _hello is { } hello ? GuestGrowth.Limits(hello, _memory.Sizes?.Base, _memory.Profile) : [],
        .. _memory.ExtendFault is { } fault ? [$"a further hotplug device was refused: {fault}"] : ImmutableArray<string>.Empty,
    ];

    private void Lose(string why)
    {
        LetGo();
        if (_memory.Phase != VmPhase.Lost)
            _log.Warning("{0} can't be reached: {1}", _id, why);
        Feed(new VmCommand.Lose(why), alwaysReport: true);
        StopOneThatIsLost();
        Timers.StartSingleTimer("reconnect", new Reconnect(), BackOff(ref _attempts));
    }

    private void End(string why, EndCause cause)
    {
        // Its connection and whoever ended it both tell.
        if (_memory.Phase == VmPhase.Stopped)
            return;
        // That it was ended for not booting stands above what its hypervisor says of its end; that it may run elsewhere above all.
        (why, cause) = _memory.RunState.MayRunElsewhere() ? (why, EndCause.MigratedAway) : _gaveUp is { } because ? (because, EndCause.NeverBooted) : (why, cause);
        LetGo();
        Timers.CancelAll();
        Feed(new VmCommand.Finish(why));
        _host.Tell(new VmProtocol.Ended(_id, why, cause));
    }

    private TimeSpan BackOff(ref int attempts)
    {
        var wait = _settings.RestartMin * Math.Pow(2, Math.Min(attempts++, 16));
        return wait < _settings.RestartMax ? wait : _settings.RestartMax;
    }

    private void Happened(string kind, string text, MemorySize? from = null, MemorySize? to = null) =>
        Context.System.EventStream.Publish(new Happening(Wall, kind, _id, text, from, to));

    private static string KindOf(VmPhase phase) => char.ToLowerInvariant(phase.ToString()[0]) + phase.ToString()[1..];
}
