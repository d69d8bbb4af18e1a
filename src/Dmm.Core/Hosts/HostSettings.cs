using Dmm.Core.Admission;
using Dmm.Core.Journals;
using Dmm.Core.Lifecycle;
using Dmm.Core.Planning;

namespace Dmm.Core.Hosts;

public sealed record HostSettings
{
    /// <summary>Memory that DMM governs.</summary>
    public required MemorySize Memory { get; init; }

    /// <summary>Kept for the host itself, out of <see cref="Memory"/>.</summary>
    public MemorySize Reserve { get; init; }

    /// <summary>Free memory kept for fast growth; only urgent growth takes it.</summary>
    public MemorySize Cushion { get; init; }

    /// <summary>What the cushion may grow to while the host is under pressure.</summary>
    public MemorySize CushionMax { get; init; }

    /// <summary>Available memory of the host that is never counted on.</summary>
    public MemorySize Margin { get; init; } = MemorySize.FromMiB(128);

    /// <summary>How long memory must have been back, or pressure gone, before that counts.</summary>
    public TimeSpan CalmAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Parts of ten seconds stalled for memory from which on the host is under pressure, 0 to 1.</summary>
    public double StallSome { get; init; } = 0.10;

    public double StallFull { get; init; } = 0.02;

    /// <summary>How often the host itself is looked at.</summary>
    public TimeSpan WatchPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How many VMs may move at once.</summary>
    public OperationLimits Operations { get; init; } = new();

    /// <summary>As the VMs' own (<see cref="Core.Vms.MechanismProfile"/>): what an operation takes is foreseen with them.</summary>
    public MemorySize Spark { get; init; } = new Core.Vms.MechanismProfile().Spark;

    public MemorySize Tolerance { get; init; } = new Core.Vms.MechanismProfile().Tolerance;

    /// <summary>The least change worth a resize, and the grid of shrinks.</summary>
    public MemorySize Step { get; init; } = MemorySize.FromMiB(16);

    /// <summary>A VM nearer to its goal than this part of its size is left alone, 0 to 0.2.</summary>
    public double DeadBand { get; init; } = 0.02;

    /// <summary>The most that is asked of a VM in a second of what it used lately, as a part of its size, 0.01 to 1.</summary>
    public double ShrinkRate { get; init; } = 0.1;

    /// <summary>How many times its shares a VM weighs at most where a lack of memory hurts most; 1 is plain shares.</summary>
    public double UtilityWeight { get; init; } = Core.Planning.Arbiter.DefaultUtilityWeight;

    /// <summary>Part of the guests' memory that is kept free where it would be slack in guests, 0 to 1.</summary>
    public double Spare { get; init; }

    /// <summary>How often all VMs' targets are made anew.</summary>
    public TimeSpan PlanPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A peer's control law that decides in the place of DMM's own, by its name in <see cref="Core.Laws.LawCatalog"/>; null: DMM's own.
    /// </summary>
    public string? Law { get; init; }

    /// <summary>The back-off of VMs that return.</summary>
    public ReturnSettings Returns { get; init; } = new();

    /// <summary>The most that Σ max may be, in times of the memory for guests; 0: no bound.</summary>
    public double OvercommitMax { get; init; }
    /// <summary>For so many new VMs memory is gathered at once.</summary>
    public int GatherAtOnce { get; init; } = 8;

    /// <summary>So many VMs are launched at once.</summary>
    public int LaunchesAtOnce { get; init; } = 16;

    /// <summary>As the VMs' own (<see cref="Core.Vms.MechanismProfile"/>): what a shrink leaves its guest is not counted on.</summary>
    public MemorySize GuestMargin { get; init; } = new Core.Vms.MechanismProfile().Margin;

    public QueueRules Queue => new(GatherAtOnce, LaunchesAtOnce, Step, UtilityWeight);

    /// <summary>A snapshot bounds the replay: one after so many events.</summary>
    public int SnapshotEvery { get; init; } = 500;

    /// <summary>How much history stays beyond what recovery needs.</summary>
    public HistoryKeep History { get; init; } = HistoryKeep.Default;

    public HostRules Rules => new()
    {
        Memory = Memory,
        Margin = Margin,
        Step = Step,
        CalmAfter = CalmAfter,
        Cushion = Cushion,
        CushionMax = MemorySize.Max(Cushion, CushionMax),
        StallSome = StallSome,
        StallFull = StallFull,
    };
}
