using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation.Worlds;

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

/// <summary>The world around the actors. Guests move by the virtual clock, whether a daemon watches or not.</summary>
internal sealed class ActorWorld(VirtualClock clock, SeededRandom dice, Action<string> log) : World<ActorVm>
{
    public static readonly MemorySize Overhead = MemorySize.FromMiB(32);

    /// <summary>The period of a guest's movements. A call takes less time than this, and so do the events between two movements.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    /// <summary>What was seen or said a moment ago may still be under way for this long.</summary>
    public static readonly TimeSpan Rumours = TimeSpan.FromSeconds(10);

    private static readonly MemorySize ExtendableTo = MemorySize.FromGiB(16);

    private Moment? _crowdedAt;

    public VirtualClock Clock => clock;

    public SeededRandom Dice => dice;

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
    /// Some guest has taken memory that it was not given, or claims that it gave back memory that it did not: until it is within its
    /// promise again, the host may be overfull through no fault of DMM's. All other guests are held to their promises meanwhile.
    /// </summary>
    public bool Broken => Running.Any(static vm => vm.Wild);

    /// <summary>
    /// Other programs, or guests that touch what they gave, hold memory that the ledger counted on, or did a moment ago: claims may exceed
    /// what there is. The sum of what devices were told may not: it must still fit the configured memory.
    /// </summary>
    public bool Crowded => InDeficit || KeepsUnseen || !OthersHold.IsZero || !TakenBack.IsZero || GroupLimit is not null
        || (_crowdedAt is { } at && clock.Moment - at < Rumours);

    /// <summary>What guests hold by touching what they gave.</summary>
    public MemorySize TakenBack => Running.Aggregate(MemorySize.Zero, static (sum, vm) => sum + vm.Guest.TookBack);

    /// <summary>Claims exceed what there is since the world made them, and the ledger has not come down yet.</summary>
    public bool InDeficit { get; set; }

    /// <summary>The limit of the control group of the daemon and all its VMs; null for none.</summary>
    public MemorySize? GroupLimit { get; set; }

    /// <summary>The world takes memory that the ledger counts on, or gives it back.</summary>
    public void Crowd() => _crowdedAt = clock.Moment;

    /// <summary>An opaque process holds more than its guest has.</summary>
    public bool KeepsUnseen => Running.Any(static vm => vm.Opaque && vm.Guest.OnHost > vm.Guest.Held);

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

    /// <summary>Called when a daemon ends a VM's process.</summary>
    public Action<VmId> EndedByDaemon { get; set; } = _ => { };

    /// <summary>Whether a guest that is started never sends anything.</summary>
    public Func<bool> Mute { get; set; } = () => false;

    public ActorVm Start(VmId id, MemorySize boot)
    {
        // Operators may create a VM of this name while the order to let go of the old one is still being written: the hypervisor refuses
        // it then. So a second process that is tried breaks no rule here, as it does in the core's world.
        if (Find(id) is not null)
            throw new HypervisorException($"{id} runs already: a second one would be started");
        var guest = new SimulatedGuest(boot, Rates, dice.Next())
        {
            Used = MemorySize.FromMiB(24),
            Temper = Temper(),
            Devices = [],
            Mute = Mute(),
        };
        foreach (var device in Devices())
            guest.AddDevice(device);
        var vm = new ActorVm(guest, NewHandle(id, boot), Overhead)
        {
            Opaque = Opaque(),
            ExtendableTo = ExtendableTo,
            Wish = MemorySize.FromMiB(24),
            TakeRate = MemorySize.FromMiB(64),
            // It reports as soon as it runs.
            SinceSample = WorldVm.SamplePeriod,
        };
        Add(vm);
        if (guest.Temper is GuestTemper.GrowsByItself or GuestTemper.LiesAboutBalloon)
            vm.GoWild(clock.Moment);
        Say($"{id} runs with {boot}, a guest that is {guest.Temper}");
        clock.After(Tick, () => Move(vm));
        return vm;
    }

    /// <summary>What a look at the host shows, which has that much memory in all.</summary>
    public HostReading Sight(IReadOnlyCollection<VmHandle> watched, MemorySize total)
    {
        var held = Running.Aggregate(OthersHold, static (sum, vm) => sum + vm.Resident);
        var sight = Look(watched, Hidden, total, total.MinusOrZero(held), clock.Moment);
        var all = held - OthersHold;
        return GroupLimit is not { } limit ? sight
            : sight with { Groups = [new("/dmm", limit, limit.MinusOrZero(all), [.. Running.Select(static vm => vm.Id)])] };
    }

    protected override void Say(string what) => log($"world: {what}");

    private void Move(ActorVm vm)
    {
        if (!vm.Running)
            return;
        vm.Live(Tick, clock.Moment);
        clock.After(Tick, () => Move(vm));
    }
}
