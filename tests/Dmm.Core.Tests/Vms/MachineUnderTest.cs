using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

/// <summary>The state machine with a clock, devices and a guest that do nothing by themselves: a test decides what they do.</summary>
internal sealed class MachineUnderTest
{
    private Moment _now = Moment.Origin + TimeSpan.FromDays(1);
    private VmSizes _sizes;

    public MachineUnderTest(long baseMiB = 256, VmCapabilities? can = null, GuestHello? hello = null, MechanismProfile? profile = null)
    {
        Can = can ?? new(Balloon: true, MemorySize.FromGiB(8), MemorySize.FromMiB(2), []);
        _sizes = new(MiB(baseMiB), default, default, default, default);
        State = new() { Profile = profile ?? new() };
        Feed(new VmCommand.Connect(Can));
        Feed(new VmCommand.ObserveSizes(_sizes));
        if (hello is not null)
            Feed(new VmCommand.ObserveHello(hello));
        Wait(100);
    }

    public VmCapabilities Can { get; set; }

    public VmMemory State { get; private set; }

    /// <summary>All orders so far, oldest first; a test clears them where it begins to look.</summary>
    public List<VmEvent> Asked { get; } = [];

    public Moment Now => _now;

    public VmPhase Phase => State.Phase;

    public static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    /// <summary>The last size that hotplug was asked for.</summary>
    public MemorySize Plug() => Asked.OfType<VmEvent.PlugAsked>().Last().Plugged;

    /// <summary>The last size that the balloon was asked for.</summary>
    public MemorySize Balloon() => Asked.OfType<VmEvent.BalloonAsked>().Last().Ballooned;

    public void Target(long mib, long maxMiB = 8192, bool urgent = false) => Feed(new VmCommand.SetTarget(MiB(mib), MiB(maxMiB), urgent));

    /// <summary>The guest reports what it counts as its memory, and what it can spare.</summary>
    public void Sample(long availableMiB, long? totalMiB = null) => Feed(new VmCommand.ObserveSample(new()
    {
        At = _now,
        Source = SampleSource.Agent,
        MemTotal = totalMiB is { } total ? MiB(total) : (_sizes.Base + _sizes.Plugged).MinusOrZero(MiB(20)),
        MemFree = MiB(availableMiB),
        MemAvailable = MiB(availableMiB),
    }));

    public void Wait(int milliseconds)
    {
        _now += TimeSpan.FromMilliseconds(milliseconds);
        Feed(new VmCommand.Look());
    }

    /// <summary>Lets time pass in looks of a quarter of a second.</summary>
    /// <param name="each">What happens each second.</param>
    public void WaitSeconds(int seconds, Action? each = null)
    {
        for (var i = 0; i < seconds * 4; i++)
        {
            Wait(250);
            if (i % 4 == 3)
                each?.Invoke();
        }
    }

    /// <summary>The guest is reset: what is shown of its balloon stays.</summary>
    public void Reset(long? pluggedMiB = null)
    {
        _sizes = _sizes with { Plugged = pluggedMiB is { } p ? MiB(p) : _sizes.Plugged };
        Feed(new VmCommand.ObserveReset(_sizes));
    }

    /// <summary>Sets the sizes that the devices show from now on.</summary>
    public void Shows(long? pluggedMiB = null, long? balloonedMiB = null, long? baseMiB = null)
    {
        _sizes = _sizes with
        {
            Base = baseMiB is { } b ? MiB(b) : _sizes.Base,
            Plugged = pluggedMiB is { } p ? MiB(p) : _sizes.Plugged,
            Ballooned = balloonedMiB is { } h ? MiB(h) : _sizes.Ballooned,
        };
        Feed(new VmCommand.ObserveSizes(_sizes));
    }

    public void Feed(VmCommand command)
    {
        foreach (var e in HotplugMachine.Decide(State, command, _now))
        {
            State = HotplugMachine.Apply(State, e);
            switch (e)
            {
                case VmEvent.PlugAsked p:
                    _sizes = _sizes with { PluggedTarget = p.Plugged };
                    Asked.Add(e);
                    break;
                case VmEvent.BalloonAsked b:
                    _sizes = _sizes with { BalloonedTarget = b.Ballooned };
                    Asked.Add(e);
                    break;
                case VmEvent.RescueAsked or VmEvent.ExtensionAsked:
                    Asked.Add(e);
                    break;
            }
        }
    }
}
