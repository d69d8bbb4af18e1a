using System.Collections.Immutable;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Planning;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>
/// A host, its VMs, the daemon that lives and dies there, and chance. Times of faults and times of calm take turns; at the end of each
/// calm everything must be settled.
/// </summary>
internal sealed partial class CoreWorld : World<CoreVm>
{
    /// <summary>The time of day at the start.</summary>
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Shorter than the defaults, so that a history sees many of them.</summary>
    private static readonly ReturnSettings Returning = new()
    {
        Max = TimeSpan.FromSeconds(20),
        CalmAfter = TimeSpan.FromSeconds(40),
        Deadline = TimeSpan.FromSeconds(40),
    };

    private readonly bool[] _allowed;
    private readonly SimulationSettings _guests;
    private readonly SeededRandom _fate;
    private readonly int _slots;
    private readonly MemorySize _memory;
    private readonly MemorySize _reserve;
    private readonly MemorySize _cushion;
    private readonly OperationLimits _operations;
    private readonly Stillness _stillness;
    private readonly Wishes _wishes = new();
    private readonly Lives _lives = new();
    private readonly RequestSteps _steps = new();
    private readonly SeededRandom _clocks;
    private readonly SeededRandom _rivals;
    private readonly SeededRandom _malice;
    private readonly SeededRandom _merging;
    private readonly bool _oneClock;
    private readonly HashSet<(VmPhase From, VmPhase To)> _phases = [];
    private CoreDaemon? _daemon;
    private TimeSpan _off;

    public CoreWorld(SimulationPlan plan, HistoryLog log)
    {
        Log = log;
        Chance = new(plan.Seed);
        // The clocks have their own random numbers, so that leaving out clock faults changes nothing else in a history. In half of the
        // histories nobody sets a clock: there a replay must be exact.
        (_clocks, _oneClock) = (new(~plan.Seed), plan.OneClock);
        _rivals = new(plan.Seed + 1);
        _malice = new(plan.Seed ^ 0xA5A5_5A5A_0F0F_F0F0);
        _merging = new(plan.Seed ^ 0x3C3C_C3C3_6969_9696);
        _fate = Chance.Split();
        _allowed = Faults.Allowed(plan.Without);
        Models = new(new(plan.Seed ^ 0x5DEECE66D), () => Befalls(Fault.ModelsFail, 6));
        _slots = plan.Vms ?? Chance.Of<int>([3, 4, 6, 8, 12, 24]);
        _memory = MemorySize.FromMiB((_slots * Chance.Between(250, 600)) + 300);
        _reserve = MemorySize.FromMiB(Chance.Between(0, 128));
        _cushion = MemorySize.FromMiB(Chance.Between(0, 200));
        _operations = new(Chance.Between(1, 8), Chance.Between(1, 8));
        _guests = new()
        {
            Directory = "",
            PlugRate = MemorySize.FromMiB(Chance.Between(100, 4000)),
            UnplugRate = MemorySize.FromMiB(Chance.Between(50, 2000)),
            BalloonRate = MemorySize.FromMiB(Chance.Between(50, 2000)),
        };
        Invariants = new(this);
        _stillness = new(this);
        Rest = new(this);
        Log.Note($"a host of {_memory}, reserve {_reserve}, cushion {_cushion}, {_slots} VMs at most");
        StartDaemon();
        Turmoil();
        if (_clocks.OneIn(2))
            ClocksStep();
        Malice();
        Merge();
    }

    public Agenda Agenda { get; } = new();

    public Journal Journal { get; } = new();

    /// <summary>What models have learnt, as the last daemons kept it.</summary>
    public ModelShelf Models { get; }

    public CoreInvariants Invariants { get; }

    public Rest Rest { get; }

    public SeededRandom Chance { get; }

    /// <summary>The host's monotonic clock.</summary>
    public Moment Now => _oneClock ? Moment.Origin + (Wall - Start) : Agenda.Now;

    /// <summary>The host's time of day.</summary>
    public DateTimeOffset Wall => Start + (Agenda.Now - Moment.Origin) + _off;

    public Clocks Clocks => new(Now, Wall);

    /// <summary>The host's time of day was set in this history: times that a replay computes from the journal can be off by that.</summary>
    public bool ClockStepped { get; private set; }

    /// <summary>The daemon that lives; null between two lives.</summary>
    public CoreDaemon? Daemon => _daemon;

    public HistoryLog Log { get; }

    public long Crashes { get; private set; }

    /// <summary>A time without faults, in which guests behave: everything must settle.</summary>
    public bool Calm { get; private set; }

    public HashSet<Fault> Befallen { get; } = [];

    /// <summary>The number of times of calm that ended with everything settled.</summary>
    public long Settlements { get; private set; }

    /// <summary>
    /// The deficit that arose when the host's memory became smaller while more was promised. Claims may exceed the host by this until
    /// they have come down.
    /// </summary>
    public MemorySize HostLoss { get; set; }

    /// <summary>The memory that the host really has.</summary>
    public MemorySize Has { get; private set; }

    /// <summary>The time since when it has that.</summary>
    public Moment HasSince { get; private set; }

    /// <summary>The steps of requests' lives that were taken.</summary>
    public IReadOnlySet<string> RequestSteps => _steps.Seen;

    /// <summary>The transitions between phases that VMs' memory made.</summary>
    public IReadOnlySet<(VmPhase From, VmPhase To)> Phases => _phases;

    public void Entered(VmPhase from, VmPhase to) => _phases.Add((from, to));

    /// <summary>A VM that must run, but neither runs nor is to return; null if there is none.</summary>
    public string? Unmet(HostState state) => _wishes.Unmet(state);

    /// <summary>Memory that other programs hold.</summary>
    public MemorySize OthersHold { get; private set; }

    /// <summary>The limit of the control group of the daemon and all its VMs; null for none.</summary>
    public MemorySize? GroupLimit { get; private set; }

    /// <summary>
    /// The memory that there is for VMs and the host's reserve. What VMs' processes hold already, nobody else can hold.
    /// </summary>
    public MemorySize ThereIs => MemorySize.Min(
        MemorySize.Min(Has, GroupLimit ?? Has), MemorySize.Max(
            Has.MinusOrZero(OthersHold.MinusOrZero(_reserve)), HeldByVms - Merged + _reserve));

    private MemorySize HeldByVms => Running.Aggregate(MemorySize.Zero, static (sum, vm) => sum + vm.Resident);

    /// <summary>What the host saves by merging pages of VMs.</summary>
    private MemorySize Merged => HeldByVms.Scale(_mergedPart);

    /// <summary>The host as its monitor sees it.</summary>
    public HostReading Sight(ImmutableArray<VmHandle> watched)
    {
        var held = HeldByVms - Merged;
        var available = Has.MinusOrZero(held + OthersHold);
        var sight = Look(watched, _ => Befalls(Fault.ProcessHidden, 20), Has, available, Now) with { Merged = Merged };
        return GroupLimit is not { } limit ? sight
            : sight with { Groups = [new("/dmm", limit, limit.MinusOrZero(held), [.. Running.Select(static vm => vm.Id)])] };
    }

    /// <summary>Whether a fault occurs in the current action: once in that many times while faults are allowed.</summary>
    public bool Befalls(Fault fault, int onceIn)
    {
        // The number is drawn in any case, so that a history without a fault stays as close as possible to the history with it.
        if (!_fate.OneIn(onceIn) || Calm || !_allowed[(int)fault])
            return false;
        Befallen.Add(fault);
        return true;
    }

    /// <summary>The time that a message is under way.</summary>
    public TimeSpan Delay(Fault late, int oneIn = 50) =>
        TimeSpan.FromMicroseconds(Befalls(late, oneIn) ? Chance.Between(1_000, 500_000) : Chance.Between(10, 3_000));

    /// <summary>A look at the host walks through all processes: on a busy host it comes long after its first figures were read.</summary>
    public TimeSpan LookTime() => TimeSpan.FromMicroseconds(
        Befalls(Fault.MessageLate, 10) ? Chance.Between(10_000, (int)LatestLook.TotalMicroseconds) : Chance.Between(10, 20_000));

    public static TimeSpan LatestLook { get; } = TimeSpan.FromSeconds(2);

    public TimeSpan CallTime() =>
        TimeSpan.FromMicroseconds(Befalls(Fault.CallLate, 30) ? Chance.Between(10_000, 1_000_000) : Chance.Between(200, 20_000));

    public TimeSpan WriteTime() => TimeSpan.FromMicroseconds(Befalls(Fault.JournalSlow, 100) ? 1_000_000 : Chance.Between(300, 5_000));

    /// <summary>Kills the daemon; its state is lost. VMs run on, the journal stays, and calls under way are carried out.</summary>
    public void Crash(string when)
    {
        if (_daemon is not { } daemon)
            return;
        Crashes++;
        Log.Note($"the daemon dies {when}");
        daemon.Die();
        _daemon = null;
        foreach (var process in Processes.Values)
        {
            process.Connection?.Close();
            process.Connection = null;
        }

        Agenda.In(TimeSpan.FromMilliseconds(Chance.Between(200, 5_000)), StartDaemon);
    }

    /// <summary>Notes an event that is now in the journal, and its consequences for the world.</summary>
    public void Written(IHostEvent e)
    {
        NoteLetGo(e);
        _steps.Note(e);
        if (_lives.Note(e) is { } wrongLife)
            throw new ViolationException("a life that may be elsewhere", wrongLife);
        if (_wishes.Note(e) is { } amiss)
            throw new ViolationException("a restart policy", amiss);
    }

    protected override void Say(string what) => Log.Note($"{what}");

    private void HostHas(MemorySize memory) => (Has, HasSince) = (memory, Agenda.Now);

    private void StartDaemon()
    {
        HostHas(Befalls(Fault.HostShrinks, 4) ? MemorySize.Max(_memory.Scale(0.8), Invariants.LeastMemory(_reserve)) : _memory);
        _daemon = new(
            this, new()
            {
                Memory = _memory,
                CalmAfter = TimeSpan.Zero,
                Margin = MemorySize.Zero,
                Reserve = _reserve,
                Cushion = _cushion,
                Operations = _operations,
                Admission = new() { Gather = 3, Launches = 1 },
                Returns = Returning,
            });
        HostLoss = _daemon.State.Ledger.Deficit;
        Log.Note(
            $"a daemon starts on a host of {Has}: {_daemon.State.Vms.Count} VMs and {_daemon.State.Admissions.Count} admissions from "
                + $"the journal");
        Invariants.Recovered(_daemon);
    }
}
