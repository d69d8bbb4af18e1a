using System.Collections.Immutable;
using Akka.Actor;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>
/// Reads the host itself each period and tells the host's actor the result. It decides nothing: <see cref="HostOutlook"/> does. Only one
/// reading runs at a time: the kernel may block a reader of a dying process, and readings must not pile up behind it.
/// </summary>
public sealed class HostMonitorActor : ReceiveActor, IWithTimers
{
    private readonly CancellationTokenSource _life = new();
    private readonly IHostMonitor _watch;
    private readonly TimeSpan _period;
    private ImmutableArray<VmHandle> _vms = [];
    private ImmutableArray<VmHandle> _looked = [];
    private bool _looking;

    public HostMonitorActor(IActorRef host, IHostMonitor watch, TimeSpan period, ImmutableArray<VmHandle> vms)
    {
        (_watch, _period, _vms) = (watch, period, vms);
        Receive<HostMonitorProtocol.Watch>(w => _vms = w.Vms);
        Receive<LookNow>(_ =>
        {
            if (_looking)
                host.Tell(new HostMonitorProtocol.Blind($"the last reading has not ended within {_period.TotalSeconds:0.#} s"));
            else
                Look();
        });
        Receive<HostReading>(sight =>
        {
            _looking = false;
            host.Tell(new HostMonitorProtocol.Saw(sight, _looked));
        });
        Receive<Status.Failure>(failure =>
        {
            _looking = false;
            host.Tell(new HostMonitorProtocol.Blind(failure.Cause.GetBaseException().Message));
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <param name="vms">The VMs that are read from the first reading on.</param>
    public static Props Props(IActorRef host, IHostMonitor watch, TimeSpan period, ImmutableArray<VmHandle> vms) =>
        Akka.Actor.Props.Create(() => new HostMonitorActor(host, watch, period, vms));

    protected override void PreStart()
    {
        Timers.StartPeriodicTimer("look", new LookNow(), _period);
        Look();
    }

    protected override void PostStop()
    {
        _life.Cancel();
        _life.Dispose();
    }

    private void Look()
    {
        (_looking, _looked) = (true, _vms);
        LookAsync().PipeTo(Self);
    }

    /// <summary>Reads the host. It is async so that a monitor that throws at once is handled like one that fails later.</summary>
    private async Task<HostReading> LookAsync() => await _watch.LookAsync(_vms, _life.Token);

    private sealed record LookNow;
}
