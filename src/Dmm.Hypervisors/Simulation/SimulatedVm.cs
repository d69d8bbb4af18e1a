using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Simulation;

/// <summary>A connection to a simulated VM: lets its guest move and reports what it sees.</summary>
internal sealed class SimulatedVm : IVirtualMachine
{
    private readonly Lock _lock = new();
    private readonly VmId _id;
    private readonly SimulatedGuest _guest;
    private readonly SimulatedHypervisor _hypervisor;
    private readonly SimulationSettings _settings;
    private readonly TimeProvider _time;
    private readonly Action<VmObservation> _observe;
    private readonly Action _step;
    private Moment _sampledAt;
    private MemorySize _used;
    private bool _low = true;
    private VmSizes _toldSizes;
    private VmRunState _toldState;
    private bool _closed;

    public SimulatedVm(
        VmId id, SimulatedGuest guest, SimulatedHypervisor hypervisor, SimulationSettings settings, TimeProvider time,
        Action<VmObservation> observe)
    {
        (_id, _guest, _hypervisor, _settings, _time, _observe) = (id, guest, hypervisor, settings, time, observe);
        Capabilities = new(Balloon: true, PluggableMax, SimulatedGuest.Block, [])
        {
            ExtendableTo = settings.PluggableMax.Scale(4),
            RescueSize = SimulatedGuest.RescueDimm,
        };
        observe(Told(_toldSizes = guest.Sizes));
        observe(new VmObservation.RunState(_toldState = guest.RunState, Why(guest.RunState)));
        if (!guest.Mute && guest.RunState == VmRunState.Running)
            observe(new VmObservation.Hello(guest.Hello));

        hypervisor.Clock.Add(_step = Step);
    }

    public VmCapabilities Capabilities { get; private set; }

    public Task<VmSizes> ReadSizesAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            var sizes = _guest.Sizes;
            if (!_closed)
                _observe(Told(sizes));
            return Task.FromResult(sizes);
        }
    }

    public Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation) => Ask(() => _guest.AskBallooned(ballooned));

    public Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation) => Ask(() => _guest.AskPlugged(plugged));

    public Task ExtendAsync(MemorySize pluggableMax, CancellationToken cancellation)
    {
        if (pluggableMax > PluggableMax)
            Ask(() => _guest.AddDevice(pluggableMax - PluggableMax));
        Capabilities = Capabilities with { PluggableMax = PluggableMax };
        _observe(new VmObservation.Able(Capabilities));
        return Task.CompletedTask;
    }

    private MemorySize PluggableMax => _guest.Devices.Aggregate(MemorySize.Zero, (sum, device) => sum + device.Max);

    public Task RescueAsync(CancellationToken cancellation) => Ask(_guest.Rescue);

    public Task<HostCost?> MeasureAsync(CancellationToken cancellation) =>
        Task.FromResult<HostCost?>(new(_settings.Overhead, _guest.Sizes.Actual + _settings.Overhead, null));

    public Task PowerDownAsync(CancellationToken cancellation)
    {
        if (!_guest.IgnoresPowerDown)
            _hypervisor.PowerOff(_id);
        return Task.CompletedTask;
    }

    public Task EndAsync(CancellationToken cancellation)
    {
        lock (_lock)
            _closed = true;
        _hypervisor.Remove(_id);
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        lock (_lock)
            _closed = true;
        _hypervisor.Clock.Remove(_step);
        return ValueTask.CompletedTask;
    }

    private VmObservation.Sizes Told(VmSizes sizes) => new(sizes) { Resident = _hypervisor.ResidentOf(_guest) };

    private static string? Why(VmRunState state) => state == VmRunState.Running ? null : $"simulated: it is {state}";

    private Task Ask(Action ask)
    {
        lock (_lock)
        {
            ask();
            _hypervisor.Save(_id, _guest);
        }

        return Task.CompletedTask;
    }

    private void Step()
    {
        lock (_lock)
        {
            if (_closed)
                return;
            if (_hypervisor.EndOf(_id, _guest) is { } end)
            {
                _closed = true;
                _observe(end);
                return;
            }

            if (_guest.RunState != _toldState)
                _observe(new VmObservation.RunState(_toldState = _guest.RunState, Why(_toldState)));
            var (repeats, now) = (_guest.Repeats, Clocks.MomentOf(_time));
            // Most guests are at rest most of the time: such a guest does not move, and its next sample is not yet due.
            var rests = repeats == 1 && _guest.IsAtRest && _guest.Used == _used && !_low;
            if (rests && now - _sampledAt < _settings.SamplePeriod)
                return;
            if (!rests || _guest.Keeps > 0)
                _guest.Advance(_settings.Step);
            if (_guest.Sizes != _toldSizes)
            {
                // The guest may also have moved by itself, or others may have moved it.
                _toldSizes = _guest.Sizes;
                _hypervisor.Save(_id, _guest);
                for (var i = 0; i < repeats; i++)
                    _observe(Told(_toldSizes));
            }

            (_used, _low) = (_guest.Used, _guest.Available < MemorySize.FromMiB(32));
            if (_guest.Mute || _guest.RunState != VmRunState.Running
                || (now - _sampledAt < _settings.SamplePeriod && !_low && repeats == 1))
                return;
            _sampledAt = now;
            for (var i = 0; i < repeats; i++)
                _observe(new VmObservation.Sample(_guest.Sample(now)));
        }
    }
}
