using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>One daemon's connection to one VM.</summary>
internal sealed class LabConnection : IVirtualMachine
{
    private readonly ActorVm _vm;
    private readonly LabHypervisor _hypervisor;
    private readonly DaemonProcess _process;
    private readonly Action<VmObservation> _observe;
    private readonly List<(Task Answer, Action<Exception> Fail)> _underWay = [];
    private bool _closed;

    /// <summary>A hypervisor does not report the balloon's target by itself: a new connection knows it only after it has asked.</summary>
    private bool _balloonTold;

    public LabConnection(ActorVm vm, LabHypervisor hypervisor, DaemonProcess process, Action<VmObservation> observe)
    {
        (_vm, _hypervisor, _process, _observe) = (vm, hypervisor, process, observe);
        vm.Connect(this);
        TellSizes();
        Tell(new VmObservation.RunState(vm.Guest.RunState, WorldVm.WhyOf(vm.Guest.RunState)));
        if (vm.Guest.RunState == VmRunState.Running && vm.Hello is { } hello)
            Tell(new VmObservation.Hello(hello));
    }

    public VmHandle? Identity => _vm.Unsure ? _vm.Handle with { Pid = null, PidStart = null, Owned = false } : null;

    public string? Doubt => _vm.Unsure ? "it is not known which process runs it" : null;

    /// <summary>Every VM whose process is known has a control group of its own.</summary>
    public VmCapabilities Capabilities => _vm.Unsure ? _vm.Capabilities : _vm.Capabilities with { Group = $"/lab/{_vm.Id}" };

    /// <summary>The daemon that holds the connection lives; a dead daemon's connection does not count.</summary>
    public bool Held => _process.Alive && !_closed;

    public Task<VmSizes> ReadSizesAsync(CancellationToken cancellation) => CallAsync(
        "readSizes",
        () =>
        {
            TellSizes();
            return Sizes;
        },
        cancellation);

    public Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation) =>
        DoAsync(
            "setBallooned",
            () =>
            {
                _vm.Guest.AskBallooned(ballooned);
                _balloonTold = true;
            },
            $"{ballooned}",
            cancellation);

    public Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation) =>
        DoAsync("setPlugged", () => _vm.Guest.AskPlugged(plugged), $"{plugged}", cancellation);

    public Task ExtendAsync(MemorySize pluggableMax, CancellationToken cancellation) => DoAsync(
        "extend",
        () =>
        {
            _vm.Extend(pluggableMax);
            _vm.Tell(new VmObservation.Able(Capabilities));
        },
        $"{pluggableMax}",
        cancellation);

    public Task RescueAsync(CancellationToken cancellation) => DoAsync("rescue", _vm.Guest.Rescue, "", cancellation);

    public Task<HostCost?> MeasureAsync(CancellationToken cancellation) =>
        CallAsync<HostCost?>("measure", () => new(_vm.Cost, _vm.Guest.Sizes.Actual + _vm.Cost, _vm.Limit), cancellation);

    public Task BoundAsync(VmBounds bounds, CancellationToken cancellation) =>
        DoAsync("bound", () => _vm.Bounds = bounds, $"{bounds.Claim}", cancellation);

    /// <summary>Tells the guest to power down; it does so after a while, or never.</summary>
    public Task PowerDownAsync(CancellationToken cancellation) => DoAsync(
        "powerDown",
        () =>
        {
            var world = _hypervisor.World;
            if (_vm.Guest.RunState == VmRunState.Running && world.PowersDown() is { } within)
                world.Clock.After(within, () => End("the guest powered down", EndCause.PoweredDown));
        },
        "",
        cancellation);

    public Task EndAsync(CancellationToken cancellation)
    {
        _hypervisor.World.EndedByDaemon(_vm.Id);
        return DoAsync("end", EndIt, "", cancellation);
    }

    /// <summary>A VM whose process is not known may not receive the order to quit: then nothing shows that it is gone.</summary>
    private void EndIt()
    {
        if (_vm.Unsure && _hypervisor.World.Dice.Chance(0.5))
            throw new HypervisorException($"simulated: nothing shows that {_vm.Id} is gone");
        End("its process was ended", EndCause.Failed);
    }

    public ValueTask DisposeAsync()
    {
        Break();
        return ValueTask.CompletedTask;
    }

    public void Begin(string call, Task answer, Action<Exception> fail)
    {
        _underWay.RemoveAll(call => call.Answer.IsCompleted);
        if (_closed)
            fail(new HypervisorException($"simulated: {call} of {_vm.Id} over a connection that is closed"));
        else
            _underWay.Add((answer, fail));
    }

    private VmSizes Sizes => _balloonTold ? _vm.Guest.Sizes : _vm.Guest.Sizes.WithBalloonUnsure();

    public void TellSizes() => Tell(_vm.SizesAt(_hypervisor.World.Clock.Moment));

    public void Tell(VmObservation fact)
    {
        if (Held)
            _observe(fact is VmObservation.Sizes shown ? shown with { Value = Sizes } : fact);
    }

    public void Break()
    {
        if (_closed)
            return;
        _closed = true;
        _vm.Disconnect(this);
        if (!_process.Alive)
            return;
        foreach (var (_, fail) in _underWay.ToArray())
            fail(new HypervisorException($"simulated: the connection to {_vm.Id} is closed"));
    }

    private void End(string why, EndCause cause) => _hypervisor.World.End(_vm, why, cause);

    private Task<bool> DoAsync(string call, Action effect, string what, CancellationToken cancellation) => CallAsync(
        call,
        () =>
        {
            _hypervisor.World.Log($"world: {call} {what} of {_vm.Id}, which has {_vm.Guest.Sizes.Actual}");
            effect();
            return true;
        },
        cancellation);

    private Task<T> CallAsync<T>(string call, Func<T> effect, CancellationToken cancellation) =>
        _hypervisor.CallAsync(call, _vm.Id, effect, cancellation, this);
}
