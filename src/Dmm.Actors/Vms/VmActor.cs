using Akka.Actor;
using Akka.Event;
using Dmm.Actors.Events;
using Dmm.Actors.Prediction;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
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
    private bool _stopping;
    private GuestHello? _hello;
    private GuestSample? _sample;
    private MemorySize? _overhead;

    public VmActor(VmId id, IActorRef host, IActorRef predictor, IHypervisor hypervisor, VmActorSettings settings)
    {
        (_id, _host, _predictor, _hypervisor, _settings) = (id, host, predictor, hypervisor, settings);
        _memory = new() { Profile = settings.Profile, StartedAt = Now };
        Receive<VmProtocol.Assume>(Assume);
        Receive<VmProtocol.SetTarget>(t => Feed(new VmCommand.SetTarget(t.Target, t.Max, t.Urgent, t.Min), alwaysReport: true));
        Receive<VmProtocol.Stop>(stop => Stop(stop.Grace));
        Receive<Launched>(l => TakeUp(l.Handle));
        Receive<LaunchFailed>(f => _host.Tell(new VmProtocol.LaunchFailed(_id, f.Why)));
        Receive<Connected>(Connected_);
        Receive<ConnectFailed>(ConnectFailed_);
        Receive<Observed>(o => o.Connection == _connection, o => Observe(o.Fact));
        Receive<Observed>(_ => { });
        Receive<CallDone>(done => done.Connection == _connection, done =>
        {
            Feed(new VmCommand.ObserveSizes(done.Sizes));
            CallNext();
        });
        Receive<CallDone>(_ => { });
        Receive<Faulted>(f => f.Connection == _connection, f => throw new DriverFaultException($"{_id}: {f.Cause.Message}", f.Cause));
        Receive<Faulted>(_ => { });
        Receive<OverheadMeasured>(o => _overhead = o.Overhead ?? _overhead);
        Receive<Reconnect>(_ => Connect());
        Receive<Look>(_ => Feed(new VmCommand.Look()));
        Receive<ReportNow>(_ => Report());
        Receive<MeasureOverhead>(_ => Measure());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private DateTimeOffset Now => Context.System.Scheduler.Now;

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
            Launch(part.Spec!);
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
        {
            Forget(c.Vm.DisposeAsync());
            return;
        }

        (_vm, _attempts) = (c.Vm, 0);
        Feed(new VmCommand.Connect(c.Vm.Capabilities), alwaysReport: true);
        Timers.StartPeriodicTimer("look", new Look(), _settings.LookPeriod);
        Timers.StartPeriodicTimer("report", new ReportNow(), _settings.ReportPeriod);
        Timers.StartPeriodicTimer("overhead", new MeasureOverhead(), TimeSpan.Zero, _settings.OverheadPeriod);
        if (_part!.StopGrace is { } grace)
            Stop(grace);
        CallNext();
    }

    private void ConnectFailed_(ConnectFailed f)
    {
        if (f.Connection != _connection)
            return;
        if (f.Cause is VmGoneException)
        {
            End(f.Cause.Message);
            return;
        }

        Lose(f.Cause.Message);
    }

    private void Observe(VmObservation fact)
    {
        switch (fact)
        {
            case VmObservation.Sizes sizes:
                Feed(new VmCommand.ObserveSizes(sizes.Value));
                break;
            case VmObservation.Sample sample:
                _sample = sample.Value;
                if (_memory.Sizes is { } known)
                    _predictor.Tell(new PredictorProtocol.Sampled(_id, sample.Value, known));
                Feed(new VmCommand.ObserveSample(sample.Value));
                break;
            case VmObservation.Hello hello:
                // It introduces itself again and again; only who it is makes a difference here.
                if (_hello?.Kernel != hello.Value.Kernel || _hello?.AgentVersion != hello.Value.AgentVersion)
                    Happened("agentHello", $"the guest's agent {hello.Value.AgentVersion} speaks, kernel {hello.Value.Kernel}");
                _hello = hello.Value;
                Report();
                break;
            case VmObservation.AgentSilent silent:
                Happened("agentSilent", silent.Why);
                Report();
                break;
            case VmObservation.ConnectionLost lost:
                Lose(lost.Why);
                break;
            case VmObservation.Ended ended:
                End(ended.Why);
                break;
        }
    }

    private void Feed(VmCommand command, bool alwaysReport = false)
    {
        var before = _memory;
        foreach (var e in HotplugMachine.Decide(_memory, command, Now))
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
            case VmEvent.PhaseEntered entered:
                var text = entered.Why is null ? $"{entered.Phase} at {_memory.Actual}" : $"{entered.Phase} at {_memory.Actual}: {entered.Why}";
                Happened(KindOf(entered.Phase), text, to: _memory.Target);
                break;
        }
    }

    private void Report()
    {
        var ceiling = _memory.Sizes is { } s
            ? (s.Base + MemorySize.Max(s.Plugged, s.PluggedTarget)).MinusOrZero(MemorySize.Min(s.Ballooned, s.BalloonedTarget))
            : MemorySize.Zero;
        // What has been decided but not yet carried out is not confirmed: no target is answered for until the calls are through.
        var answered = _calling || !_calls.IsEmpty ? null : _memory.Target;
        _host.Tell(new VmProtocol.Report(
            _id, _memory.Phase, _memory.Why, _memory.Sizes, _memory.Sizes is null ? null : new(_memory.Actual, ceiling, answered))
        {
            Capabilities = _memory.Capabilities,
            Hello = _hello,
            Sample = _sample,
            Overhead = _overhead,
            Warnings = [.. _memory.Capabilities?.Lacks ?? [], .. _hello?.GrowthLimits() ?? []],
            Stopping = _stopping,
        });
    }

    private void Lose(string why)
    {
        LetGo();
        if (_memory.Phase != VmPhase.Lost)
            _log.Warning("{0} can't be reached: {1}", _id, why);
        Feed(new VmCommand.Lose(why), alwaysReport: true);
        Timers.StartSingleTimer("reconnect", new Reconnect(), BackOff());
    }

    private void End(string why)
    {
        LetGo();
        Timers.CancelAll();
        Feed(new VmCommand.Finish(why));
        _host.Tell(new VmProtocol.Ended(_id, why));
    }

    private TimeSpan BackOff()
    {
        var wait = _settings.RestartMin * Math.Pow(2, Math.Min(_attempts++, 16));
        return wait < _settings.RestartMax ? wait : _settings.RestartMax;
    }

    private void Happened(string kind, string text, MemorySize? from = null, MemorySize? to = null) =>
        Context.System.EventStream.Publish(new Happening(Now, kind, _id, text, from, to));

    private static string KindOf(VmPhase phase) => char.ToLowerInvariant(phase.ToString()[0]) + phase.ToString()[1..];
}
