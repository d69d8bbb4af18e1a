using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Machines;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>
/// One incarnation of a VM's actor around the same machine that the real actor runs (<see cref="VmMachine"/>): mailbox, delays, and a
/// driver whose calls fail. It decides nothing.
/// </summary>
internal sealed class VmShell
{
    private static readonly VmMachine Machine = new(new VmSettings { LookPeriod = TimeSpan.FromMilliseconds(500) });

    private readonly CoreWorld _world;
    private readonly CoreDaemon _host;
    private readonly Dictionary<VmTimer, long> _timers = [];
    private Vm _vm;
    private CoreVm? _connected;

    /// <summary>The connection that was made last, also before the machine has heard of it: whoever lets go closes it.</summary>
    private DriverConnection? _own;
    private int _connection;
    private long _timer;

    /// <summary>The number of its guest's resets when this incarnation last saw one.</summary>
    private int _resetsSeen;

    public VmShell(CoreWorld world, CoreDaemon host, VmId id)
    {
        (_world, _host, _vm) = (world, host, Machine.New(id));
        ToHost(new VmProtocol.Started(id));
    }

    public bool Alive { get; private set; } = true;

    public VmMemory Memory => _vm.Memory;

    private bool Lives => Alive && _host.Alive;

    public void End()
    {
        Alive = false;
        LetGo();
    }

    public void Take(IVmMessage message)
    {
        if (!Lives)
            return;
        var before = Memory;
        if (message is VmProtocol.SetTarget t && t.Target != before.Target)
            _world.Rest.Told(_vm.Id);
        var decision = Machine.Decide(_vm, message, _world.Clocks);
        _vm = decision.Vm;
        AssertCountsNoOldFigure();
        if (before.Phase != Memory.Phase)
        {
            _world.Entered(before.Phase, Memory.Phase);
            _world.Log.Note($"{_vm.Id} {Memory.Phase} at {Memory.Actual}, target {Memory.Target}: {Memory.Why}");
        }

        foreach (var effect in decision.Effects)
            Perform(effect);
    }

    /// <summary>Its guest is in need: whatever the host and its disk do, what it has on lease is its own at once.</summary>
    public void InNeed(MemorySize demand)
    {
        Take(new VmProtocol.InNeed(demand));
        if (Lives && _vm is { End: null, Told: { } told } && Memory.Target < MemorySize.Min(demand, told.Target + told.Lease))
            throw new ViolationException(
                "a lease that is not taken",
                $"{_vm.Id} needs {demand}, and is to become {Memory.Target} of {told.Target} and {told.Lease}");
    }

    public void Observed(int connection, VmObservation fact)
    {
        if (Lives && connection == _connection && fact is VmObservation.Sizes { AfterReset: true })
            _resetsSeen = _world.ProcessOf(_vm.Id)?.Resets ?? 0;
        OfConnection(connection, new VmFact.Observed(fact));
    }

    private void OfConnection(int connection, IVmMessage fact)
    {
        if (connection == _connection)
            Take(fact);
    }

    private void Perform(VmEffect effect)
    {
        switch (effect)
        {
            case VmEffect.TellHost tell:
                ToHost(tell.Message);
                break;
            case VmEffect.TellPredictor tell:
                _host.Sampled(tell.Sample);
                break;
            case VmEffect.TellPredictorOfReset:
                _host.GuestReset(_vm.Id);
                break;
            case VmEffect.Find find:
                _world.Find(find.Spec, found => Take(found is null ? new VmFact.NotRunning() : new VmFact.Launched(found.Handle)),
                    why => Take(new VmFact.LaunchUnknown(why)));
                break;
            case VmEffect.Launch launch:
                _world.Launch(
                    launch.Spec, () => Lives, process => Take(new VmFact.Launched(process.Handle)),
                    why => Take(new VmFact.LaunchFailed(why)));
                break;
            case VmEffect.Connect:
                Connect();
                break;
            case VmEffect.LetGo:
                LetGo();
                break;
            case VmEffect.Carry carry:
                Carry(carry.Call);
                break;
            case VmEffect.AskToPowerDown:
                AskToPowerDown();
                break;
            case VmEffect.EndProcess:
                EndProcess();
                break;
            case VmEffect.Measure when _connected is { } vm:
                _world.Agenda.In(_world.CallTime(), () => Take(
                    new VmFact.Measured(vm.Running ? new(vm.Cost, vm.Guest.Held + vm.Cost, vm.Limit) : null)));
                break;
            case VmEffect.WakeIn wake:
                WakeIn(wake.Timer, wake.Wait);
                break;
            case VmEffect.Silence silence:
                _timers.Remove(silence.Timer);
                break;
        }
    }

    private void WakeIn(VmTimer timer, TimeSpan wait)
    {
        var number = _timers[timer] = ++_timer;
        _world.Agenda.In(wait, () =>
        {
            if (!_timers.TryGetValue(timer, out var last) || last != number)
                return;
            _timers.Remove(timer);
            Take(new VmFact.Rang(timer));
        });
    }

    private void Connect()
    {
        LetGo();
        var number = _connection;
        var process = _world.ProcessOf(_vm.Id);
        var when = process is null || process.BusyUntil < _world.Agenda.Now ? _world.Agenda.Now : process.BusyUntil;
        _world.Agenda.At(when + _world.CallTime(), () =>
        {
            if (!Lives || number != _connection)
                return;
            if (process is not { Running: true })
                Take(new VmFact.NotConnected("it no longer runs", process?.Cause ?? EndCause.Failed));
            else if (_world.Befalls(Fault.ConnectionLost, 30))
                Take(new VmFact.NotConnected("it could not be connected", null));
            else
                Connected(number, process);
        });
    }

    private void Connected(int number, CoreVm process)
    {
        process.Connection?.Close();
        process.Connection = _own = new(_world, process, this, number);
        process.Connection.TellSizes(always: true);
        process.Connection.Tell(new VmObservation.RunState(process.Guest.RunState, WorldVm.WhyOf(process.Guest.RunState)));
        if (process.Hello is { } hello)
            process.Connection.Tell(new VmObservation.Hello(hello));
        process.Connection.Ready(() =>
        {
            if (!Lives || number != _connection)
                return;
            _connected = process;
            Take(new VmFact.Connected(process.Capabilities, null));
        });
    }

    /// <summary>
    /// Makes a call. It is carried out or not, and answered or not: it can be refused, lost with its connection, or hit by a fault of the
    /// driver.
    /// </summary>
    private void Carry(VmCall call)
    {
        if (_connected is not { } vm)
            return;
        _world.Log.Note(
            $"{_vm.Id} is asked {call.Kind} {call.Size}, seen at {Memory.Sizes?.Actual}, "
                + $"target {Memory.Target}{(Memory.Urgent ? ", urgent" : "")}, available {Memory.Available}");
        if (call.Kind is VmCallKind.Balloon or VmCallKind.Plug)
            _world.Rest.Asked(_vm.Id);
        AssertTakesNothingFromABoot(vm, call);
        var connection = _connection;
        var fails = _world.Befalls(Fault.CallFails, 100);
        var refused = _world.Befalls(Fault.AdditionRefused, call.Kind >= VmCallKind.Rescue ? 3 : 60);
        var carriedOut = !refused && (!fails || _world.Chance.OneIn(2));
        var done = _world.Agenda.Now + _world.CallTime();
        vm.BusyUntil = done > vm.BusyUntil ? done : vm.BusyUntil;
        _world.Agenda.At(done, () =>
        {
            if (carriedOut && vm.Running)
                _world.CarryOut(vm, call);
            // Its connection reports the end as its last fact.
            if (!vm.Running)
                return;
            if (fails)
                _world.Agenda.In(_world.Delay(Fault.MessageLate), () => Fail(connection));
            else
                vm.Connection?.Answer(
                    () => OfConnection(connection, refused ? new VmFact.CallRefused("no slot is left") : new VmFact.CallDone()));
        });
    }

    /// <summary>After a reset that was seen, a balloon's figure counts only once it is the guest's own.</summary>
    private void AssertCountsNoOldFigure()
    {
        if (_connected is { Guest.FigureStands: true } vm && _resetsSeen == vm.Resets && Memory.Sizes is { Ballooned.IsZero: false } sizes)
            throw new ViolationException("a figure from before a reset counts", $"{_vm.Id}: {sizes}, but its guest has {vm.Guest.Held}");
    }

    /// <summary>From a guest whose reset was seen nothing is taken until it is heard of again.</summary>
    private void AssertTakesNothingFromABoot(CoreVm vm, VmCall call)
    {
        if (!vm.Guest.Boots || vm.Guest.RunState != VmRunState.Running || _resetsSeen != vm.Resets)
            return;
        if (call is { Kind: VmCallKind.Balloon, Size.IsZero: false })
            throw new ViolationException("a guest that boots is asked to give", $"{_vm.Id}: {call}; target {Memory.Target}");
    }

    /// <summary>
    /// Fails a call: the connection is lost with it, or the driver has a fault and this incarnation ends; the supervisor makes another
    /// after a while.
    /// </summary>
    private void Fail(int connection)
    {
        if (!Lives || connection != _connection)
            return;
        if (_world.Chance.OneIn(2))
        {
            Take(new VmFact.CallLost("it took too long"));
            return;
        }

        _world.Log.Note($"{_vm.Id} its actor starts anew: a call failed");
        End();
        _world.Agenda.In(Machine.Settings.RestartMin, () => _host.Restart(_vm.Id, this));
    }

    private void AskToPowerDown()
    {
        if (_connected is not { } vm)
            return;
        var connection = _connection;
        _world.Agenda.In(_world.CallTime(), () =>
        {
            if (_world.Befalls(Fault.CallFails, 10))
                OfConnection(connection, new VmFact.NotAskedToPowerDown("it took too long"));
            else if (vm is { Running: true, Guest: { RunState: VmRunState.Running, Temper: not GuestTemper.Stubborn } })
                _world.Agenda.In(TimeSpan.FromMilliseconds(_world.Chance.Between(100, 5_000)), () => _world.PowerDown(vm));
        });
    }

    private void EndProcess()
    {
        var vm = _world.ProcessOf(_vm.Id);
        _world.Agenda.In(_world.CallTime(), () =>
        {
            if (vm is { Running: true } && _world.Befalls(Fault.CallFails, 10))
            {
                Take(new VmFact.NotEnded("its process is still there"));
                return;
            }

            if (vm is { Running: true })
                _world.End(vm, "it is ended", EndCause.Stopped, tell: false);
            Take(new VmFact.ProcessEnded());
        });
    }

    private void LetGo()
    {
        _connection++;
        _own?.Close();
        (_own, _connected) = (null, null);
    }

    private void ToHost(IHostCommand command) => _host.Receive(_vm.Id, command);
}
