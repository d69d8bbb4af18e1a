using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Simulation;

/// <summary>A connection to a simulated VM: lets its guest move and tells what it sees.</summary>
internal sealed class SimulatedVm : IVirtualMachine
{
    private readonly Lock _lock = new();
    private readonly VmId _id;
    private readonly SimulatedGuest _guest;
    private readonly SimulatedHypervisor _hypervisor;
    private readonly SimulationSettings _settings;
    private readonly TimeProvider _time;
    private readonly Action<VmObservation> _observe;
    private readonly ITimer _timer;
    private DateTimeOffset _sampledAt;
    private bool _closed;

    public SimulatedVm(
        VmId id, SimulatedGuest guest, SimulatedHypervisor hypervisor, SimulationSettings settings, TimeProvider time, Action<VmObservation> observe)
    {
        (_id, _guest, _hypervisor, _settings, _time, _observe) = (id, guest, hypervisor, settings, time, observe);
        Capabilities = new(Balloon: true, settings.PluggableMax, MemorySize.FromMiB(2), []);
        observe(new VmObservation.Sizes(guest.Sizes));
        observe(new VmObservation.Hello(new()
        {
            Protocol = 1,
            AgentVersion = "simulated",
            Kernel = "simulated",
            AutoOnline = "online",
            OnlinePolicy = "auto-movable",
            AutoMovableRatio = 50,
            VirtioMem = true,
            MemTotal = guest.MemTotal,
        }));
        _timer = time.CreateTimer(_ => Step(), null, settings.Step, settings.Step);
    }

    public VmCapabilities Capabilities { get; }

    public Task<VmSizes> ReadSizesAsync(CancellationToken cancellation) => Task.FromResult(_guest.Sizes);

    public Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation) => Ask(() => _guest.AskBallooned(ballooned));

    public Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation) => Ask(() => _guest.AskPlugged(plugged));

    public Task<MemorySize?> MeasureOverheadAsync(CancellationToken cancellation) => Task.FromResult<MemorySize?>(_settings.Overhead);

    public Task StopAsync(TimeSpan grace, CancellationToken cancellation)
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
        return _timer.DisposeAsync();
    }

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
            if (_guest.Advance(_settings.Step))
            {
                _hypervisor.Save(_id, _guest);
                _observe(new VmObservation.Sizes(_guest.Sizes));
            }

            var now = _time.GetUtcNow();
            var low = _guest.Available < MemorySize.FromMiB(32);
            if (now - _sampledAt < _settings.SamplePeriod && !low)
                return;
            _sampledAt = now;
            _observe(new VmObservation.Sample(new()
            {
                At = now,
                Source = SampleSource.Agent,
                MemTotal = _guest.MemTotal,
                MemFree = _guest.Available,
                MemAvailable = _guest.Available,
                Anonymous = _guest.Used,
                Reason = low ? SampleReason.LowMemory : SampleReason.Periodic,
            }));
        }
    }
}
