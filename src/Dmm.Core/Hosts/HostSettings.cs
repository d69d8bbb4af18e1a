using Dmm.Core.Admission;
using Dmm.Core.Journals;
using Dmm.Core.Lifecycle;
using Dmm.Core.Planning;

namespace Dmm.Core.Hosts;

public sealed record HostSettings
{
    /// <summary>The memory that DMM governs.</summary>
    public required MemorySize Memory { get; init; }

    /// <summary>Memory kept for the host itself, out of <see cref="Memory"/>.</summary>
    public MemorySize Reserve { get; init; }

    /// <summary>How far VMs' balloons are trusted.</summary>
    public Memory.Trust Trust { get; init; }

    /// <summary>Free memory kept for fast growth; only urgent growth takes it.</summary>
    public MemorySize Cushion { get; init; }

    /// <summary>The most that the cushion may grow to while the host is under pressure.</summary>
    public MemorySize CushionMax { get; init; }

    /// <summary>The part of the cushion that VMs have on lease (<see cref="Planning.Leasing"/>), 0 to 1.</summary>
    public double Leased { get; init; } = 0.5;

    /// <summary>Available memory of the host that is never counted on.</summary>
    public MemorySize Margin { get; init; } = MemorySize.FromMiB(128);

    /// <summary>How long memory must have been back, or pressure gone, before that counts.</summary>
    public TimeSpan CalmAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The host is under pressure when at least this part of ten seconds was stalled on memory, 0 to 1.</summary>
    public double StallSome { get; init; } = 0.10;

    public double StallFull { get; init; } = 0.02;

    /// <summary>How often the host itself is looked at.</summary>
    public TimeSpan WatchPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How many VMs may move at once.</summary>
    public OperationLimits Operations { get; init; } = new();

    /// <summary>
    /// As in the VMs' own profile (<see cref="Core.Vms.MechanismProfile"/>): the host uses it to foresee what an operation needs.
    /// </summary>
    public MemorySize Spark { get; init; } = new Core.Vms.MechanismProfile().Spark;

    public MemorySize Tolerance { get; init; } = new Core.Vms.MechanismProfile().Tolerance;

    /// <summary>The least change worth a resize; shrinks are multiples of it.</summary>
    public MemorySize Step { get; init; } = MemorySize.FromMiB(16);

    /// <summary>A VM nearer to its goal than this part of its size is left alone, 0 to 0.2.</summary>
    public double DeadBand { get; init; } = 0.02;

    /// <summary>The most memory that it used lately that a VM is asked for in a second, as a part of its size, 0.01 to 1.</summary>
    public double ShrinkRate { get; init; } = 0.1;

    /// <summary>The factor on the shares of the VM that a lack of memory hurts most; 1 is plain shares.</summary>
    public double UtilityWeight { get; init; } = Core.Planning.Arbiter.DefaultUtilityWeight;

    /// <summary>The part of the guests' memory that is kept free where it would otherwise be slack in guests, 0 to 1.</summary>
    public double Spare { get; init; }

    /// <summary>How often the targets of all VMs are planned.</summary>
    public TimeSpan PlanPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The name of the control law (in <see cref="Core.Laws.LawCatalog"/>) that decides instead of DMM's own; null: DMM's own.
    /// </summary>
    public string? Law { get; init; }

    /// <summary>The back-off of VMs that return.</summary>
    public ReturnSettings Returns { get; init; } = new();

    public AdmissionSettings Admission { get; init; } = new();

    /// <summary>
    /// As in the VMs' own profile (<see cref="Core.Vms.MechanismProfile"/>): a shrink leaves its guest this margin, so it is not counted
    /// on.
    /// </summary>
    public MemorySize GuestMargin { get; init; } = new Core.Vms.MechanismProfile().Margin;

    public QueueRules Queue => new(Admission.Gather, Admission.Launches, Step, UtilityWeight);

    /// <summary>The number of events between two snapshots; it bounds the replay.</summary>
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
