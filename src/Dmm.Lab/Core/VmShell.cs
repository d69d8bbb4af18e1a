using Dmm.Actors.Vms;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Lab.Core;

/// <summary>What is asked of a driver.</summary>
internal enum DriverCall
{
    Balloon,
    Plug,
    Rescue,
    Extend,
}

/// <summary>
/// One incarnation of a VM's actor, as <see cref="VmActor"/> is, without Akka: what it decides is decided by <see cref="HotplugMachine"/>; calls
/// to the driver go out one at a time; what is, is told to the host.
/// </summary>
internal sealed class VmShell
{
    private static readonly VmActorSettings Settings = new();
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(500);

    private readonly World _world;
    private readonly Daemon _host;
    private readonly VmId _id;
    private readonly List<(DriverCall Call, MemorySize Size)> _calls = [];
    private VmProtocol.Assume? _part;
    private VmMemory _memory;
    private SimulatedProcess? _vm;
    private long _heard;
    private int _connection;
    private int _attempts;
    private bool _calling;
    private bool _stopping;
    private HostCost? _cost;
    private MemorySize? _resident;
    private GuestSample? _sample;

    public VmShell(World world, Daemon host, VmId id)
    {
        (_world, _host, _id) = (world, host, id);
        _memory = new() { Profile = Settings.Profile };
        ToHost(new VmProtocol.Started(id));
    }

    public bool Alive { get; private set; } = true;

    public VmMemory Memory => _memory;

    private bool Lives => Alive && _host.Alive;

    public void End()
    {
        Alive = false;
        LetGo();
    }

    public void Assume(VmProtocol.Assume part)
    {
        if (!Lives)
            return;
        _part = part;
        if (part.Promise is { } promise)
            Feed(new VmCommand.SetTarget(promise.Target, part.Policy.Max, false, part.Policy.Min));
        if (part.Handle is not null)
            Connect();
        else
            _world.Launch(part.Spec!, () => Lives, Launched, why => ToHost(new VmProtocol.LaunchFailed(_id, why)));
    }

    public void SetTarget(VmProtocol.SetTarget t)
    {
        if (!Lives)
            return;
        _heard = t.Number;
        if (t.Target != _memory.Target)
            _world.Rest.Told(_id);
        Feed(new VmCommand.SetTarget(t.Target, t.Max, t.Urgent, t.Min), alwaysReport: true);
    }

    public void Stop()
    {
        if (!Lives)
            return;
        _part = _part is null ? null : _part with { Stop = new(TimeSpan.Zero, Kill: true) };
        if (_vm is not { } vm || _stopping)
            return;
        _stopping = true;
        Report();
        var connection = _connection;
        _world.Agenda.In(_world.CallTime(), () =>
        {
            if (vm.Running)
                _world.EndProcess(vm, "stopped by its operator", tell: false, EndCause.Stopped);
            Observed(connection, new VmObservation.Ended("stopped by its operator", EndCause.Stopped));
        });
    }

    public void Observed(int connection, VmObservation fact)
    {
        if (!Lives || connection != _connection)
            return;
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
                    _host.Sampled(_id, sample.Value, known, _memory.Possible);
                Feed(new VmCommand.ObserveSample(sample.Value));
                break;
            case VmObservation.RunState run:
                Feed(new VmCommand.ObserveRunState(run.Value, run.Why), alwaysReport: true);
                break;
            case VmObservation.Hello hello:
                Feed(new VmCommand.ObserveHello(hello.Value), alwaysReport: true);
                break;
            case VmObservation.Able able:
                Feed(new VmCommand.Connect(able.Value), alwaysReport: true);
                break;
            case VmObservation.ConnectionLost lost:
                Lose(lost.Why);
                break;
            case VmObservation.Ended ended:
                Ended(ended.Why, ended.Cause);
                break;
        }
    }

    private void Launched(SimulatedProcess process)
    {
        _part = _part! with { Handle = process.Handle };
        ToHost(new VmProtocol.Launched(_id, process.Handle));
        Connect();
    }

    private void Connect()
    {
        var number = ++_connection;
        var process = _world.ProcessOf(_id);
        var when = process is null || process.BusyUntil < _world.Agenda.Now ? _world.Agenda.Now : process.BusyUntil;
        _world.Agenda.At(when + _world.CallTime(), () =>
        {
            if (!Lives || number != _connection)
                return;
            if (process is not { Running: true })
                Ended("it no longer runs", process?.Cause ?? EndCause.Failed);
            else if (_world.Befalls(Fault.ConnectionLost, 30))
                Lose("it could not be connected");
            else
                Connected(number, process);
        });
    }

    private void Connected(int number, SimulatedProcess process)
    {
        process.Connection?.Close();
        process.Connection = new(_world, process, this, number);
        process.Connection.TellSizes(always: true);
        process.Connection.Tell(new VmObservation.RunState(process.Guest.RunState, $"it is {process.Guest.RunState}"));
        if (process.Hello is { } hello)
            process.Connection.Tell(new VmObservation.Hello(hello));
        process.Connection.Ready(() =>
        {
            if (!Lives || number != _connection)
                return;
            (_vm, _attempts) = (process, 0);
            Feed(new VmCommand.Connect(process.Capabilities), alwaysReport: true);
            Every(LookPeriod, number, () => Feed(new VmCommand.Look()));
            Every(Settings.ReportPeriod, number, Report);
            Measure();
            Every(Settings.OverheadPeriod, number, Measure);
            if (_part!.Stop is not null)
                Stop();
            CallNext();
        });
    }

    private void Every(TimeSpan period, int connection, Action act) => _world.Agenda.In(period, () =>
    {
        if (!Lives || connection != _connection)
            return;
        act();
        Every(period, connection, act);
    });

    private void Measure()
    {
        if (_vm is { Running: true } vm)
            _cost = new(vm.Cost, vm.Guest.Held + vm.Cost, null);
    }

    private void Feed(VmCommand command, bool alwaysReport = false)
    {
        var before = _memory;
        foreach (var e in HotplugMachine.Decide(_memory with { Busy = Busy }, command, _world.Now))
        {
            _memory = HotplugMachine.Apply(_memory, e);
            Act(e);
        }

        if (before.Phase != _memory.Phase)
            _world.Entered(before.Phase, _memory.Phase);
        if (alwaysReport || before.Phase != _memory.Phase || before.Sizes != _memory.Sizes)
            Report();
    }

    private void Act(VmEvent e)
    {
        switch (e)
        {
            case VmEvent.BalloonAsked ask:
                Call(DriverCall.Balloon, ask.Ballooned);
                break;
            case VmEvent.PlugAsked ask:
                Call(DriverCall.Plug, ask.Plugged);
                break;
            case VmEvent.RescueAsked:
                Call(DriverCall.Rescue, MemorySize.Zero);
                break;
            case VmEvent.ExtensionAsked ask:
                Call(DriverCall.Extend, ask.PluggableMax);
                break;
            case VmEvent.PhaseEntered entered:
                _world.Log.Note($"{_id} {entered.Phase} at {_memory.Actual}, target {_memory.Target}: {entered.Why}");
                break;
        }
    }

    private void Call(DriverCall call, MemorySize size)
    {
        _world.Log.Note($"{_id} decides {call} {size}, as it sees {_memory.Sizes?.Actual}, target {_memory.Target}{(_memory.Urgent ? ", urgent" : "")}, available {_memory.Available}");
        if (call is DriverCall.Balloon or DriverCall.Plug)
            _world.Rest.Asked(_id);
        _calls.RemoveAll(c => c.Call == call);
        _calls.Add((call, size));
        CallNext();
    }

    private bool Busy => _calling || _calls.Count > 0;

    private void CallEnded(VmCommand what)
    {
        _calling = false;
        Feed(what);
        if (Busy)
            CallNext();
        else
            Report();
    }

    private void CallNext()
    {
        if (_vm is not { } vm || _calling || _calls.Count == 0)
            return;
        var (call, size) = _calls[0];
        _calls.RemoveAt(0);
        _calling = true;
        var connection = _connection;
        var fails = _world.Befalls(Fault.CallFails, 100);
        var refused = call >= DriverCall.Rescue && _world.Befalls(Fault.AdditionRefused, 3);
        var carriedOut = !refused && (!fails || _world.Chance.OneIn(2));
        var done = _world.Agenda.Now + _world.CallTime();
        vm.BusyUntil = done > vm.BusyUntil ? done : vm.BusyUntil;
        _world.Agenda.At(done, () =>
        {
            if (carriedOut && vm.Running)
                _world.CarryOut(vm, call, size);
            if (fails || !vm.Running)
            {
                _world.Agenda.In(_world.Delay(Fault.MessageLate), () => Fail(connection));
                return;
            }

            vm.Connection?.Answer(() =>
            {
                if (Lives && connection == _connection)
                    CallEnded(refused ? new VmCommand.Refuse(call == DriverCall.Rescue ? Addition.RescueDimm : Addition.Device, "no slot is left") : new VmCommand.Look());
            });
        });
    }

    /// <summary>The driver failed: this incarnation ends, and the supervisor makes another after a while.</summary>
    private void Fail(int connection)
    {
        if (!Lives || connection != _connection)
            return;
        _world.Log.Note($"{_id} its actor starts anew: a call failed");
        End();
        _world.Agenda.In(Settings.RestartMin, () => _host.Restart(_id, this));
    }

    private void Report()
    {
        var answered = Busy ? null : _memory.Target;
        var report = new VmProtocol.Report(
            _id, _memory.Phase, _memory.Why, _memory.Sizes, _memory.Sizes is null ? null : new(_memory.Actual, _memory.Ceiling, answered))
        {
            Heard = _heard,
            Capabilities = _memory.Capabilities,
            Most = _memory.Target is null ? null : Ladder.Reachable(_memory, _memory.Max),
            Sample = _sample,
            Cost = _cost,
            Resident = _resident,
            Stopping = _stopping,
            RunState = _memory.RunState,
        };
        _resident = null;
        ToHost(report);
    }

    private void Lose(string why)
    {
        LetGo();
        Feed(new VmCommand.Lose(why), alwaysReport: true);
        var connection = _connection;
        _world.Agenda.In(BackOff(), () =>
        {
            if (Lives && connection == _connection)
                Connect();
        });
    }

    private void Ended(string why, EndCause cause)
    {
        if (_memory.RunState.MayRunElsewhere())
            cause = EndCause.MigratedAway;
        LetGo();
        Feed(new VmCommand.Finish(why));
        ToHost(new VmProtocol.Ended(_id, why, cause));
    }

    private void LetGo()
    {
        _connection++;
        _calls.Clear();
        (_calling, _stopping) = (false, false);
        _vm?.Connection?.Close();
        _vm = null;
    }

    private TimeSpan BackOff()
    {
        var wait = Settings.RestartMin * Math.Pow(2, Math.Min(_attempts++, 16));
        return wait < Settings.RestartMax ? wait : Settings.RestartMax;
    }

    private void ToHost(IHostCommand command) => _host.Receive(_id, command);
}
