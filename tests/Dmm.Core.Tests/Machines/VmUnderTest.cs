using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Machines;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Machines;

/// <summary>A VM's machine with a clock that moves only when a test moves it, and a driver that does nothing by itself.</summary>
internal sealed class VmUnderTest
{
    public static readonly VmId Id = VmId.Parse("vm");
    public static readonly VmSettings Settings = new();

    private readonly VmMachine _machine = new(Settings);
    private readonly Dictionary<VmTimer, Moment> _timers = [];
    private Moment _now = Moment.Origin + TimeSpan.FromDays(1);

    public VmUnderTest() => Vm = _machine.New(Id);

    public Vm Vm { get; private set; }

    /// <summary>All effects since a test cleared them, oldest first, except timers.</summary>
    public List<VmEffect> Done { get; } = [];

    public VmCapabilities Can { get; set; } = new(Balloon: true, MemorySize.FromGiB(4), MemorySize.FromMiB(2), []);

    public IEnumerable<VmCall> Calls => Done.OfType<VmEffect.Carry>().Select(carry => carry.Call);

    public IEnumerable<IHostCommand> Told => Done.OfType<VmEffect.TellHost>().Select(tell => tell.Message);

    public VmProtocol.Report Reported => Told.OfType<VmProtocol.Report>().Last();

    public static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    public static VmHandle Handle { get; } = new(Id, "simulation", MiB(256), "", 4711, 0, "boot", Owned: true);

    public static VmProtocol.Assume Part(BootCheck check = BootCheck.Heard, StopOrder? stop = null) => new(
        new VmSpec { Id = Id, Policy = new(MiB(128), MiB(2048)), Boot = MiB(256), BootCheck = check }, Handle, new(MiB(128), MiB(2048)),
        new(MiB(256), MiB(256)), stop, MayRun: false);

    /// <summary>A VM that is connected, heard of and settled at 256 MiB.</summary>
    public static VmUnderTest Settled(BootCheck check = BootCheck.Heard)
    {
        var vm = new VmUnderTest();
        vm.Take(Part(check));
        vm.Connect();
        vm.Sample(200);
        vm.Pass(TimeSpan.FromSeconds(2));
        while (vm.Vm.UnderWay is not null)
            vm.CarryOut();
        vm.Done.Clear();
        return vm;
    }

    public void Take(IVmMessage message)
    {
        var decision = _machine.Decide(Vm, message, new(_now, DateTimeOffset.UnixEpoch + (_now - Moment.Origin)));
        Vm = decision.Vm;
        foreach (var effect in decision.Effects)
        {
            if (effect is VmEffect.WakeIn wake)
                _timers[wake.Timer] = _now + wake.Wait;
            else if (effect is VmEffect.Silence silence)
                _timers.Remove(silence.Timer);
            else
                Done.Add(effect);
        }
    }

    /// <summary>Lets time pass; timers fire at their moment.</summary>
    public void Pass(TimeSpan time)
    {
        var until = _now + time;
        while (_timers.Count > 0 && _timers.MinBy(t => t.Value) is { } next && next.Value <= until)
        {
            _now = Moment.Max(_now, next.Value);
            _timers.Remove(next.Key);
            Take(new VmFact.Rang(next.Key));
        }

        _now = until;
    }

    /// <summary>Makes the connection that was requested.</summary>
    public void Connect()
    {
        Observe(new VmObservation.Sizes(Sizes));
        Take(new VmFact.Connected(Can, null));
    }

    public void Observe(VmObservation fact) => Take(new VmFact.Observed(fact));

    public void Sample(long availableMiB) => Observe(new VmObservation.Sample(new()
    {
        At = _now,
        Source = SampleSource.Agent,
        MemTotal = Sizes.Actual,
        MemFree = MiB(availableMiB),
        MemAvailable = MiB(availableMiB),
    }));

    public void Target(long mib, long number = 1, long overhead = 0) =>
        Take(new VmProtocol.SetTarget(MiB(mib), MiB(128), MiB(2048), Urgent: false) { Number = number, Overhead = MiB(overhead) });

    /// <summary>Carries out the call that is under way; the guest obeys at once.</summary>
    public void CarryOut()
    {
        var call = Vm.UnderWay!.Value;
        Sizes = call.Kind == VmCallKind.Balloon
            ? Sizes with { Ballooned = call.Size, BalloonedTarget = call.Size, BalloonUnsure = false }
            : Sizes with { Plugged = call.Size, PluggedTarget = call.Size };
        Observe(new VmObservation.Sizes(Sizes));
        Take(new VmFact.CallDone());
    }

    /// <summary>The sizes as the driver reads them.</summary>
    public VmSizes Sizes { get; set; } = new(MiB(256), default, default, default, default);
}
