using Dmm.Core;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Simulation;

/// <summary>
/// A model of a guest's memory in numbers. Its use is set from outside; its sizes follow its devices at the given rates, as far as its
/// temper allows. It never gives memory that it uses. Pure: time and chance come in as arguments.
/// </summary>
/// <param name="seed">The seed of the random choices of its temper.</param>
public sealed partial class SimulatedGuest(MemorySize @base, SimulationSettings settings, ulong seed = 0)
{
    /// <summary>How long a device shows a size that the guest then refuses.</summary>
    public static readonly TimeSpan ShowsFor = TimeSpan.FromMilliseconds(300);

    /// <summary>The time after which a driver that gave up tries again by itself (virtio-mem's retry, measured).</summary>
    public static readonly TimeSpan RetriesAfter = TimeSpan.FromSeconds(50);

    /// <summary>The unit of plugging.</summary>
    public static readonly MemorySize Block = MemorySize.FromMiB(2);

    /// <summary>One memory block of Linux on x86.</summary>
    public static readonly MemorySize RescueDimm = MemorySize.FromMiB(128);

    /// <summary>The size of the device of a guest whose devices were not specified.</summary>
    private static readonly MemorySize Endless = MemorySize.FromGiB(1 << 20);

    /// <summary>Memory that a kernel keeps for itself in every guest.</summary>
    private static readonly MemorySize Kernel = MemorySize.FromMiB(40);

    /// <summary>Memory that a kernel keeps back before it counts MemTotal.</summary>
    private static readonly MemorySize Uncounted = MemorySize.FromMiB(16);

    private readonly SeededRandom _chance = new(seed);
    private bool _deafToPlug;
    private bool _deafToBalloon;

    /// <summary>Set when the balloon is to take: the memory that a guest which stops halfway still owes then.</summary>
    private MemorySize _halfway;

    private readonly List<SimulatedDevice> _devices = [new(Endless, 1, MemorySize.FromMiB(4))];
    private readonly DeviceTurn _turn = new();
    private TimeSpan _shown;
    private TimeSpan _gaveUp;
    private bool _deflating;

    /// <summary>How long the guest still boots after a reset: its drivers do nothing, and nobody reports anything.</summary>
    private TimeSpan _boot;

    /// <summary>The balloon's figure from before the last reset; null once the guest's driver has written its own.</summary>
    private MemorySize? _figure;

    /// <summary>The plugged memory that was online when its temper changed.</summary>
    private MemorySize _online;

    /// <summary>
    /// Memory that the guest gave and its process kept. <c>_before</c> is what the guest held when that was last computed.
    /// </summary>
    private MemorySize _kept;
    private MemorySize _before = @base;

    public MemorySize Base { get; private set; } = @base;

    /// <summary>When the guest's VM was launched.</summary>
    public DateTimeOffset Born { get; init; }

    /// <summary>The handle by which its hypervisor knows it; null until it is asked for.</summary>
    internal VmHandle? Handle { get; set; }

    /// <summary>Plugged memory as the devices show it; <see cref="Accepted"/> is what the guest has accepted of it.</summary>
    public MemorySize Plugged => DeviceVector.Plugged(Devices);

    /// <summary>
    /// The guest's hotplug devices in the order in which they are filled; one practically unlimited device unless specified.
    /// </summary>
    public IReadOnlyList<HotplugDevice> Devices
    {
        get => [.. _devices.Select(d => d.State)];
        init => Restore(value);
    }

    /// <summary>The memory that the balloon really holds back; <see cref="Sizes"/> shows what the guest claims.</summary>
    public MemorySize Ballooned
    {
        get;
        set
        {
            // The guest's driver writes its figure whenever the balloon has moved.
            if (value != field)
                _figure = null;
            field = value;
        }
    }

    public MemorySize PluggedTarget => DeviceVector.Requested(Devices);

    public MemorySize BalloonedTarget { get; set; }

    /// <summary>Memory that the guest's programs hold.</summary>
    public MemorySize Used { get; set; }

    /// <summary>The hello of the guest's agent: its kernel accepts all memory that it is given, unless its temper says otherwise.</summary>
    public GuestHello Hello => new()
    {
        Protocol = 1,
        AgentVersion = "simulated",
        Kernel = "simulated",
        AutoOnline = Temper == GuestTemper.NeverOnlines ? "offline" : "online",
        OnlinePolicy = "auto-movable",
        AutoMovableRatio = 50,
        VirtioMem = true,
        MemTotal = MemTotal,
    };

    public GuestTemper Temper
    {
        get;
        set
        {
            (field, _shown, _gaveUp, _deflating) = (value, default, default, false);
            _online = Plugged;
            // A guest that behaves again does what its devices were told.
            (_deafToPlug, _deafToBalloon) = (false, false);
        }
    }

    /// <summary>The balloon's figure is still that from before a reset, and wrong.</summary>
    public bool FigureStands => _figure is { } figure && figure != Ballooned;

    /// <summary>The guest was reset and boots.</summary>
    public bool Boots => _boot > TimeSpan.Zero;

    /// <summary>The guest never reports anything: it hangs in its boot, or has neither agent nor balloon driver.</summary>
    public bool Mute { get; set; }

    /// <summary>Whether the guest runs, and where: a guest that does not run neither moves nor reports.</summary>
    public VmRunState RunState { get; set; }

    /// <summary>The guest does not power down when it is asked to.</summary>
    public bool IgnoresPowerDown { get; set; }

    /// <summary>The size at which <see cref="GuestTemper.StopsAtFloor"/> stops giving: base + plugged − ballooned.</summary>
    public MemorySize Floor { get; set; } = @base;

    /// <summary>The most that <see cref="GuestTemper.RefusesAbove"/> accepts: base + plugged.</summary>
    public MemorySize Limit { get; set; } = @base;

    /// <summary>The sizes that the hypervisor shows.</summary>
    public VmSizes Sizes => new VmSizes(Base, MemorySize.Zero, BalloonShown, MemorySize.Zero, BalloonedTarget).Of(Devices);

    private MemorySize BalloonShown => _figure
        ?? (Temper == GuestTemper.LiesAboutBalloon ? MemorySize.Max(BalloonedTarget, Ballooned) : Ballooned);

    /// <summary>The guest does what it is told, and has done all of it: it does not move by itself.</summary>
    public bool IsAtRest =>
        Temper == GuestTemper.Ideal && !Boots && Ballooned == BalloonedTarget && _devices.TrueForAll(static device => device.IsAtRest);

    /// <summary>Host memory that the guest can really use now, whatever it reports.</summary>
    public MemorySize Held => (Base + Plugged).MinusOrZero(Ballooned);

    /// <summary>
    /// The part of the memory given by the guest that its process keeps, 0 to 1 (because its memory is locked, say). When it is set back
    /// to 0, the host gets all the kept memory.
    /// </summary>
    public double Keeps
    {
        get;
        set => (field, _kept, _before) = (value, value > 0 ? _kept : MemorySize.Zero, Held);
    }

    /// <summary>
    /// Memory that the guest gave and took back by touching it: pages of its balloon, or of unplugged blocks. QEMU does not stop that, and
    /// shows the same sizes as before. No more than was given is taken. A reset ends it.
    /// </summary>
    public MemorySize TookBack
    {
        get;
        set => field = MemorySize.Min(value, Touchable.MinusOrZero(Held + _kept));
    }

    /// <summary>
    /// Host memory that the guest's process holds: what the guest has, what it gave and the process kept, and what it took back.
    /// </summary>
    public MemorySize OnHost
    {
        get
        {
            Keep();
            return Held + _kept + TookBack;
        }
    }

    /// <summary>All that is mapped for the guest, plugged or not.</summary>
    private MemorySize Touchable => _devices.Aggregate(Base, static (sum, device) => sum + device.Max);

    /// <summary>The plugged memory that the guest's kernel has accepted.</summary>
    public MemorySize Accepted => Temper switch
    {
        GuestTemper.RefusesAbove => MemorySize.Min(Plugged, MostAccepted),
        GuestTemper.NeverOnlines => MemorySize.Min(Plugged, _online),
        _ => Plugged,
    };

    public MemorySize MemTotal => (Base + Accepted).MinusOrZero(Ballooned + Uncounted);

    public MemorySize Available => MemTotal.MinusOrZero(Used + Kernel);

    /// <summary>How often each sample and each size is reported.</summary>
    public int Repeats => Temper == GuestTemper.Floods ? 20 : 1;

    private MemorySize MostAccepted => Limit.MinusOrZero(Base).RoundDown(Block);

    /// <summary>Simulates <paramref name="elapsed"/>. Returns whether a size moved.</summary>
    public bool Advance(TimeSpan elapsed)
    {
        if (RunState != VmRunState.Running)
            return false;
        var before = Sizes;
        _boot = _boot > elapsed ? _boot - elapsed : TimeSpan.Zero;
        if (Boots)
            return false;
        var seconds = elapsed.TotalSeconds / (Temper == GuestTemper.Slow ? 50 : 1);
        MovePlugged(elapsed, seconds);
        MoveBallooned(seconds);
        Keep();
        return before != Sizes;
    }

    /// <summary>Asks for an amount over all devices, spread as a driver does it.</summary>
    public void AskPlugged(MemorySize plugged)
    {
        AskDevices(_turn.Spread(Devices, plugged));
    }

    /// <summary>Asks each device for its own size, regardless of what the devices have.</summary>
    public void AskDevices(IReadOnlyList<MemorySize> told)
    {
        _gaveUp = _shown = default;
        _deafToPlug = !Hears();
        for (var i = 0; i < told.Count; i++)
            _devices[i].Ask(told[i]);
    }

    /// <summary>
    /// Adds a further device. Some devices are slower than the rest of their guest, and each has its own number of blocks that a guest
    /// with <see cref="GuestTemper.KeepsSome"/> never gives.
    /// </summary>
    public void AddDevice(MemorySize max) => _devices.Add(new(max, _chance.OneIn(3) ? 0.2 : 1, new(Block.Bytes * _chance.Between(0, 6))));

    /// <summary>Sets its devices to the sizes that they were told.</summary>
    public void Arrive() => _devices.ForEach(d => d.Size = d.Requested);

    public void AskBallooned(MemorySize ballooned)
    {
        _halfway = ballooned.MinusOrZero(Ballooned).Scale(0.5);
        _deflating = false;
        _deafToBalloon = !Hears();
        BalloonedTarget = ballooned;
    }

    /// <summary>Adds a rescue DIMM, which brings its own page metadata and is never given back.</summary>
    public void Rescue() => Base += RescueDimm;

    /// <summary>
    /// Takes memory back from the balloon without being asked, as Linux does before its OOM killer acts (deflate-on-oom).
    /// </summary>
    public void DeflateOnOom(MemorySize size) => Ballooned = Ballooned.MinusOrZero(size);

    /// <summary>
    /// Starts the guest anew in the same process: virtio-mem unplugs all memory, the balloon is empty, and the requests to the devices
    /// stay. The balloon's figure stays, too, until the guest's driver moves the balloon. Source: QEMU, virtio_mem_system_reset and
    /// virtio_balloon_device_reset.
    /// </summary>
    /// <param name="boot">How long the guest boots.</param>
    public void Reboot(TimeSpan boot)
    {
        var figure = BalloonShown;
        (Ballooned, Used, TookBack) = (MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);
        (_figure, _boot) = (figure, boot);
        _devices.ForEach(d => d.Reset());
        _online = MemorySize.Zero;
        (_deafToPlug, _deafToBalloon) = (false, false);
        (_shown, _gaveUp, _deflating) = (default, default, false);
    }

    /// <summary>
    /// Updates the kept memory: memory that the guest takes again comes from what its process kept, and then from what it took back.
    /// </summary>
    private void Keep()
    {
        if (Held > _before)
            TookBack = TookBack.MinusOrZero((Held - _before).MinusOrZero(_kept));
        _kept = Held < _before ? _kept + (_before - Held).Scale(Keeps) : _kept.MinusOrZero(Held - _before);
        _before = Held;
    }

    private void MovePlugged(TimeSpan elapsed, double seconds)
    {
        if (_deafToPlug)
            return;
        var deaf = Temper == GuestTemper.IgnoresPlug || GivenUp(elapsed);
        if (!deaf && Temper == GuestTemper.RefusesAbove && Plugged > MostAccepted)
        {
            FallBack(elapsed);
            return;
        }

        // Devices that take move before devices that give.
        foreach (var device in _devices.Where(d => d.Requested > d.Size && !deaf))
            device.Move(device.Requested - device.Size, settings.PlugRate.Scale(seconds));
        foreach (var device in _devices.Where(d => d.Requested < d.Size))
            device.Move(Givable(device), settings.UnplugRate.Scale(seconds));
    }

    private void Restore(IReadOnlyList<HotplugDevice> devices)
    {
        _devices.Clear();
        foreach (var device in devices)
        {
            AddDevice(device.Max);
            (_devices[^1].Size, _devices[^1].Requested) = (device.Size, device.Requested);
        }
    }

    private void MoveBallooned(double seconds)
    {
        var rate = settings.BalloonRate.Scale(seconds);
        _deflating |= Temper == GuestTemper.GrowsByItself && _chance.OneIn(16);
        if (_deflating)
        {
            Ballooned = Ballooned.MinusOrZero(MemorySize.Min(rate, MemorySize.FromMiB(16)));
            return;
        }

        if (!_deafToBalloon)
            Ballooned = Move(Ballooned, BalloonedTarget, MemorySize.Min(rate, Givable(BalloonedTarget, Ballooned)), rate);
    }

    /// <summary>Takes back what the guest does not accept: the device has shown it for a moment.</summary>
    private void FallBack(TimeSpan elapsed)
    {
        _shown += elapsed;
        if (_shown < ShowsFor)
            return;
        for (var i = _devices.Count - 1; i >= 0 && Plugged > MostAccepted; i--)
            _devices[i].Size = _devices[i].Size.MinusOrZero(Plugged - MostAccepted);
        (_shown, _gaveUp) = (default, RetriesAfter);
    }

    private bool GivenUp(TimeSpan elapsed)
    {
        _gaveUp = _gaveUp > elapsed ? _gaveUp - elapsed : TimeSpan.Zero;
        return _gaveUp > TimeSpan.Zero;
    }

    private bool Hears() => Temper != GuestTemper.Forgets || _chance.OneIn(2);

    /// <summary>The memory that the guest gives from this device.</summary>
    private MemorySize Givable(SimulatedDevice device) => Temper switch
    {
        GuestTemper.StopsHalfway => MemorySize.Min(Available, device.ToHalfway),
        // Memory that is offline is given first, and costs nothing.
        GuestTemper.NeverOnlines => MemorySize.Max(Available, Plugged - Accepted),
        GuestTemper.KeepsSome => MemorySize.Min(Available, device.Size.MinusOrZero(device.Keeps)),
        _ => Givable(device.Size, device.Requested),
    };

    /// <summary>The memory that the guest gives: never what it uses, and less where its temper says so.</summary>
    private MemorySize Givable(MemorySize from, MemorySize to) => Temper switch
    {
        GuestTemper.Stubborn => MemorySize.Zero,
        GuestTemper.StopsHalfway => MemorySize.Min(Available, from.MinusOrZero(to).MinusOrZero(_halfway)),
        GuestTemper.StopsAtFloor => MemorySize.Min(Available, Held.MinusOrZero(Floor)),
        GuestTemper.LiesAboutBalloon => MemorySize.Zero,
        _ => Available,
    };

    private static MemorySize Move(MemorySize now, MemorySize target, MemorySize up, MemorySize down) =>
        target > now ? MemorySize.Min(target, now + up) : MemorySize.Max(target, now.MinusOrZero(down));
}
