using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Actors;

/// <summary>The outcome of one call to the simulated driver.</summary>
internal enum CallFate
{
    Done,

    /// <summary>The call throws, and nothing was done.</summary>
    Refused,

    /// <summary>The call throws, but what was asked was done.</summary>
    DoneButFailed,

    /// <summary>The call is never answered, and nothing was done: the caller's deadline ends it.</summary>
    Silent,

    /// <summary>The call is never answered, but what was asked was done.</summary>
    DoneButSilent,

    /// <summary>The connection breaks instead of an answer.</summary>
    ConnectionLost,
}

/// <summary>
/// The host's hypervisor and its VMs: the real state, as opposed to what a daemon believes. It outlives daemons. Guests move by the
/// virtual clock, whether a daemon watches or not.
/// </summary>
internal sealed class World(VirtualClock clock, Dice dice, Action<string> log)
{
    public static readonly MemorySize Overhead = MemorySize.FromMiB(32);

    /// <summary>The period of a guest's movements. A call takes less time than this, and so do the events between two movements.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly SortedDictionary<VmId, RunningVm> _running = [];
    private int _pid;
    private readonly Dictionary<VmId, EndCause> _ends = [];

    public IReadOnlyDictionary<VmId, RunningVm> Running => _running;

    public VirtualClock Clock => clock;

    public Dice Dice => dice;

    public Action<string> Log => log;

    public SimulationSettings Rates { get; } = new()
    {
        Directory = "",
        PlugRate = MemorySize.FromMiB(1024),
        UnplugRate = MemorySize.FromMiB(512),
        BalloonRate = MemorySize.FromMiB(512),
    };

    /// <summary>
    /// Called for each call of a daemon: returns its outcome. It may kill the daemon, which is then a death just before the side effect.
    /// </summary>
    public Func<string, VmId, CallFate> Fate { get; set; } = (_, _) => CallFate.Done;

    /// <summary>
    /// Called when a call has had its effect, before the caller is told. It may kill the daemon, which is then a death just after the
    /// side effect.
    /// </summary>
    public Action<string, VmId> Happened { get; set; } = (_, _) => { };

    /// <summary>
    /// Some guest has taken memory that it was not given, or claims that it gave back memory that it did not. Until all is at rest again,
    /// the host may be overfull through no fault of DMM's.
    /// </summary>
    public bool Broken { get; set; }

    /// <summary>
    /// Other programs have taken memory that the ledger counted on. Until all is at rest again, claims may exceed what there is. The sum
    /// of what devices were told may not: it must still fit the configured memory.
    /// </summary>
    public bool Crowded { get; set; }

    /// <summary>An opaque process holds more than its guest has.</summary>
    public bool KeepsUnseen => Running.Values.Any(static vm => vm.Opaque && vm.Guest.OnHost > vm.Guest.Held);

    /// <summary>The part of the memory that the ledger counts on, but that programs other than VMs hold.</summary>
    public MemorySize OthersHold { get; set; }

    /// <summary>Called at each look at the host: returns why the host can't be seen, or null if it can.</summary>
    public Func<string?> Unseen { get; set; } = () => null;

    /// <summary>Called at each look for each VM that runs: returns whether its process can't be looked at.</summary>
    public Func<VmId, bool> Hidden { get; set; } = _ => false;

    /// <summary>Called for each VM that starts: returns whether its process is opaque, that is never known.</summary>
    public Func<bool> Opaque { get; set; } = () => false;

    /// <summary>The temper of a guest that is started.</summary>
    public Func<GuestTemper> Temper { get; set; } = () => GuestTemper.Ideal;

    /// <summary>The sizes of the hotplug devices of a VM that is started.</summary>
    public Func<IReadOnlyList<MemorySize>> Devices { get; set; } = () => [MemorySize.FromGiB(4)];

    /// <summary>The time that a guest takes to power down once it is asked; null: it never does.</summary>
    public Func<TimeSpan?> PowersDown { get; set; } = () => TimeSpan.FromSeconds(0.5);

    /// <summary>The identity of the host's current boot.</summary>
    public string BootId { get; private set; } = "boot-1";

    /// <summary>Called when a daemon ends a VM's process.</summary>
    public Action<VmId> EndedByDaemon { get; set; } = _ => { };

    /// <summary>Whether a guest that is started never sends anything.</summary>
    public Func<bool> Mute { get; set; } = () => false;

    /// <summary>Changes the guest's run state: it stops, goes on, or is migrated away. Whoever is connected is told.</summary>
    public void Turn(RunningVm vm, VmRunState state)
    {
        if (Find(vm.Id) != vm || vm.Guest.RunState == state)
            return;
        log($"world: {vm.Id} is {state}");
        vm.Guest.RunState = state;
        vm.Tell(new VmObservation.RunState(state, LabConnection.Why(state)));
    }

    public int NextPid() => ++_pid;

    public RunningVm? Find(VmId id) => _running.GetValueOrDefault(id);

    public RunningVm Start(VmId id, MemorySize boot)
    {
        if (_running.ContainsKey(id))
            throw new HypervisorException($"{id} runs already: a second one would be started");
        var guest = new SimulatedGuest(boot, Rates, dice.Seed())
        {
            Used = MemorySize.FromMiB(24),
            Temper = Temper(),
            Devices = [],
            Mute = Mute(),
        };
        foreach (var device in Devices())
            guest.AddDevice(device);
        var vm = new RunningVm(id, guest, this) { Opaque = Opaque() };
        _running[id] = vm;
        log($"world: {id} runs with {boot}, a guest that is {guest.Temper}");
        clock.After(Tick, () => Move(vm));
        return vm;
    }

    /// <summary>Ends the VM's process, whoever caused it.</summary>
    public void End(VmId id, string why, EndCause cause = EndCause.Failed)
    {
        if (!_running.Remove(id, out var vm))
            return;
        log($"world: {id} is gone: {why}");
        _ends[id] = cause;
        vm.Tell(new VmObservation.Ended(why, cause));
        vm.Break();
    }

    /// <summary>The cause of a VM's end, as its leftovers show it to a later daemon.</summary>
    public EndCause CauseOf(VmId id) => _ends.GetValueOrDefault(id);

    /// <summary>Restarts the host: no VM survives, and the daemon did not see any of them end.</summary>
    public void Reboot()
    {
        log("world: the host restarts");
        BootId = $"boot-{int.Parse(BootId.AsSpan(5), System.Globalization.CultureInfo.InvariantCulture) + 1}";
        foreach (var vm in _running.Values.ToArray())
        {
            _running.Remove(vm.Id);
            _ends[vm.Id] = EndCause.HostRestarted;
        }
    }

    private void Move(RunningVm vm)
    {
        if (_running.GetValueOrDefault(vm.Id) != vm)
            return;
        vm.Move(Tick);
        clock.After(Tick, () => Move(vm));
    }
}

/// <summary>A VM that runs, whether a daemon knows of it or not.</summary>
internal sealed class RunningVm(VmId id, SimulatedGuest guest, World world)
{
    private static readonly TimeSpan SamplePeriod = TimeSpan.FromSeconds(1);
    private static readonly MemorySize LowMemory = MemorySize.FromMiB(32);

    private readonly List<LabConnection> _connections = [];
    private DateTimeOffset _sampledAt;

    public VmId Id => id;

    public SimulatedGuest Guest => guest;

    public MemorySize PluggableMax => guest.Devices.Aggregate(MemorySize.Zero, (sum, device) => sum + device.Max);

    /// <summary>The memory that its programs would like to hold. <see cref="WishRate"/> says how much of it they take per second.</summary>
    public MemorySize Wish { get; set; } = MemorySize.FromMiB(24);

    public MemorySize WishRate { get; set; } = MemorySize.FromMiB(64);

    /// <summary>Nobody can tell which process runs it: it is reached through another process.</summary>
    public bool Unsure { get; set; }

    /// <summary>Its hypervisor does not answer.</summary>
    public bool Unreachable { get; set; }

    /// <summary>The journal says that it was let go: it is nobody's concern.</summary>
    public bool LetGo { get; set; }

    public IReadOnlyList<LabConnection> Connections => _connections;

    /// <summary>The most that its devices let it become without a new order: the host must have this much for it.</summary>
    public MemorySize Allowed
    {
        get
        {
            // The amount that the balloon really holds, whatever the guest says.
            var ballooned = MemorySize.Min(guest.Ballooned, guest.BalloonedTarget);
            return (guest.Base + guest.Sizes.PluggedMost).MinusOrZero(ballooned);
        }
    }

    /// <summary>The host memory that its process holds.</summary>
    public MemorySize Resident => guest.OnHost + World.Overhead;

    /// <summary>Nobody can look at its process.</summary>
    public bool Opaque { get; init; }

    public VmObservation.Sizes Sizes => new(guest.Sizes) { Resident = Opaque ? null : Resident };

    public VmHandle Handle { get; } = new(id, "simulation", guest.Base, "", world.NextPid(), PidStart: 0, world.BootId, Owned: true);

    public void Connect(LabConnection connection) => _connections.Add(connection);

    public void Disconnect(LabConnection connection) => _connections.Remove(connection);

    public void Tell(VmObservation fact)
    {
        foreach (var connection in _connections.ToArray())
            connection.Tell(fact);
    }

    /// <summary>Breaks all connections, and their calls with them.</summary>
    public void Break()
    {
        foreach (var connection in _connections.ToArray())
            connection.Break();
    }

    public void Move(TimeSpan elapsed)
    {
        if (guest.RunState != VmRunState.Running)
            return;
        var rate = WishRate.Scale(elapsed.TotalSeconds);
        guest.Used = Wish > guest.Used
            ? guest.Used + MemorySize.Min(MemorySize.Min(rate, Wish - guest.Used), guest.Available)
            : MemorySize.Max(Wish, guest.Used.MinusOrZero(rate));
        if (guest.Advance(elapsed))
            TellSizes();
        var low = guest.Available < LowMemory && Wish > guest.Used;
        if (guest.Mute)
            return;
        if (!low && world.Clock.Now - _sampledAt < SamplePeriod)
            return;
        _sampledAt = world.Clock.Now;
        for (var i = 0; i < guest.Repeats; i++)
            Tell(new VmObservation.Sample(guest.Sample(world.Clock.Moment)));
    }

    private void TellSizes()
    {
        for (var i = 0; i < guest.Repeats; i++)
            TellSizesOnce();
    }

    public void TellSizesOnce()
    {
        foreach (var connection in _connections.ToArray())
            connection.TellSizes();
    }
}
