namespace Dmm.Contracts;

/// <summary>
/// The views are what the daemon answers and what the command prints with <c>--json</c>. Sizes are integers in bytes with names that
/// end in <c>Bytes</c>, times are ISO 8601 in UTC, enumerations are in lower camel case. They are stable: fields are added, never
/// renamed.
/// </summary>
public sealed record HostView
{
    /// <summary>This host's name.</summary>
    public required string Node { get; init; }

    public required string Hypervisor { get; init; }

    /// <summary>
    /// How the VMs that are launched here run (kvm, tcg), and why; null where that is not known yet or means nothing for the hypervisor.
    /// </summary>
    public string? Acceleration { get; init; }

    /// <summary>ready, or degraded (see <see cref="Problems"/>).</summary>
    public required string State { get; init; }

    /// <summary>Memory that DMM counts on: the configured size, or less where the host has less.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>dmm.host.memory.</summary>
    public long? ConfiguredMemoryBytes { get; init; }

    /// <summary>The reason why <see cref="MemoryBytes"/> is below <see cref="ConfiguredMemoryBytes"/>; null where it is not.</summary>
    public string? MemoryWhy { get; init; }

    /// <summary>Memory kept for the host itself.</summary>
    public required long ReserveBytes { get; init; }

    /// <summary>Memory kept free for fast growth, more while the host is under pressure. Urgent growth may take it.</summary>
    public required long CushionBytes { get; init; }

    /// <summary>The part of the cushion that VMs have on lease and have not taken.</summary>
    public long LeasesBytes { get; init; }

    /// <summary>Σ claims of the VMs.</summary>
    public required long ClaimsBytes { get; init; }

    /// <summary>Σ reservations of VMs that are about to be created.</summary>
    public required long ReservationsBytes { get; init; }

    /// <summary>Memory that VMs may take that were let go of and still run.</summary>
    public long LetGoBytes { get; init; }

    /// <summary>memory − reserve − claims − let go − reservations; 0 in a deficit.</summary>
    public required long FreeBytes { get; init; }

    /// <summary>The amount by which the invariant is broken; 0 where it holds.</summary>
    public required long DeficitBytes { get; init; }

    /// <summary>Σ max ÷ memory for guests.</summary>
    public required double OvercommitRatio { get; init; }

    public required HostPressureView Pressure { get; init; }

    public required int Vms { get; init; }

    /// <summary>VMs that wait to be created.</summary>
    public required IReadOnlyList<AdmissionView> Admissions { get; init; }

    /// <summary>
    /// The VMs that wait for memory, and whose memory each will get, in the order in which returned memory is promised.
    /// </summary>
    public IReadOnlyList<WaitView> Waits { get; init; } = [];

    /// <summary>VMs that are moving now.</summary>
    public IReadOnlyList<OperationView> Operations { get; init; } = [];

    /// <summary>
    /// VMs that have a new target and wait for their turn, because dmm.plan limits the number of simultaneous operations.
    /// </summary>
    public IReadOnlyList<HeldView> Held { get; init; } = [];

    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>The drain of the host; null while it is in service.</summary>
    public DrainView? Drain { get; init; }

    /// <summary>Seconds from the start of the daemon's process to its first plan; null before that.</summary>
    public double? InControlSeconds { get; init; }

    /// <summary>Seconds from the start of the daemon's process until every VM of the journal had reported; null before that.</summary>
    public double? AllActorsSeconds { get; init; }
}

/// <summary>The host is out of service: it takes no VM, and its VMs were asked to power down.</summary>
/// <param name="Since">When the first order came.</param>
/// <param name="Ordered">When the last order came, which set the deadline.</param>
/// <param name="Until">The deadline of all VMs.</param>
/// <param name="Kill">Whether the process of a VM that still runs then is ended.</param>
/// <param name="Stay">Whether it stays over a restart of the host.</param>
/// <param name="Left">How many VMs run, or are being launched.</param>
/// <param name="Awaited">How many of them were asked, and may still power down.</param>
/// <param name="Vms">The VMs that run, and those that return when it ends.</param>
public sealed record DrainView(
    DateTimeOffset Since, DateTimeOffset Ordered, DateTimeOffset Until, bool Kill, bool Stay, int Left, int Awaited,
    IReadOnlyList<DrainedVmView> Vms);

/// <param name="State">
/// stopping (it was asked), launching (it is asked when it runs), runsOn (it did not power down in time), notAsked (DMM did not start it),
/// ended (it returns when the drain ends).
/// </param>
/// <param name="Why">How it ended, or why it runs; null where nothing is known.</param>
public sealed record DrainedVmView(string Vm, string State, string? Why);

/// <summary>The answer of <c>POST /api/v1/host/drain</c> and <c>/api/v1/host/undrain</c>.</summary>
/// <param name="Text">What was done.</param>
/// <param name="Drain">The drain of the host; null where it is in service.</param>
public sealed record HostDoneView(string Text, DrainView? Drain);

/// <param name="Vm">The VM that waits, or one that is to be created.</param>
/// <param name="From">The VMs whose memory it will get, as far as that is under way.</param>
public sealed record WaitView(string Vm, long MissingBytes, bool Urgent, IReadOnlyList<GiverView> From);

public sealed record GiverView(string Vm, long Bytes);

public sealed record OperationView(string Vm, bool Balloon, bool Hotplug, bool Urgent);

public sealed record HeldView(string Vm, DateTimeOffset Since);

/// <summary>The host's own memory and stall; null where this host does not measure it.</summary>
public sealed record HostPressureView(long? MemAvailableBytes, double? SomeAvg10, double? FullAvg10);

/// <summary>A VM that is to be created.</summary>
/// <param name="State">requested, waiting, planned, shrinking, reserved, launching.</param>
public sealed record AdmissionView(
    string Id, string State, long BytesWanted, long BytesMissing, string Why, DateTimeOffset Since, DateTimeOffset? Deadline)
{
    public int Priority { get; init; }

    /// <summary>full or early.</summary>
    public string BootPolicy { get; init; } = "full";

    /// <summary>The VMs that give memory for it.</summary>
    public IReadOnlyList<ContributionView> From { get; init; } = [];

    /// <summary>
    /// The duration of its plan, in seconds, from the moment in which it was made, by measured rates; null without a plan.
    /// </summary>
    public double? ExpectedSeconds { get; init; }

    /// <summary>True where its deadline is expected to be missed.</summary>
    public bool Late { get; init; }
}

/// <param name="Bytes">All that it gives.</param>
/// <param name="OutstandingBytes">The part of that which has not come yet.</param>
/// <param name="Kind">The cost for the giver: slack, pastUse, headroom, inUse.</param>
public sealed record ContributionView(string Vm, long Bytes, long OutstandingBytes, string Kind);

/// <summary>The answer of <c>POST /api/v1/vms?dryRun=true</c>: what would become of the request. Nothing is changed.</summary>
public sealed record DryRunView
{
    public required string Vm { get; init; }

    /// <summary>starts, gathers, late, waits, refused.</summary>
    public required string Prospect { get; init; }

    /// <summary>The same in words; a refusal names the smallest change that would make it fit.</summary>
    public required string Text { get; init; }

    /// <summary>True where it would start in time.</summary>
    public required bool Fits { get; init; }

    /// <summary>The size that it would boot with, where it would start at once.</summary>
    public long? BootBytes { get; init; }

    /// <summary>The VMs that would give memory, and how much.</summary>
    public IReadOnlyList<ContributionView> From { get; init; } = [];

    /// <summary>The seconds that this would take, by measured rates.</summary>
    public double? ExpectedSeconds { get; init; }

    public IReadOnlyList<string> Notes { get; init; } = [];
}

public sealed record VmView
{
    public required string Id { get; init; }

    /// <summary>
    /// requested, waiting, launching, booting, settled, growing, shrinking, stuck, uncooperative, lost, paused, migrated, panicked,
    /// stopping, stopped, returning.
    /// </summary>
    public required string State { get; init; }

    /// <summary>The reason for that state, where there is more to say.</summary>
    public string? Why { get; init; }

    public required long BaseBytes { get; init; }
    public required long PluggedBytes { get; init; }
    public required long BalloonedBytes { get; init; }
    public required long ActualBytes { get; init; }
    public required long GrantedBytes { get; init; }
    public required long TargetBytes { get; init; }

    /// <summary>What it takes beyond the target by itself, at once, when its guest is in need.</summary>
    public long LeaseBytes { get; init; }

    public required long MinBytes { get; init; }
    public required long MaxBytes { get; init; }

    /// <summary>The largest size of this VM without a restart.</summary>
    public required long StaticMaxBytes { get; init; }

    public required int Shares { get; init; }

    /// <summary>never, onFailure or always; null for a VM that somebody else started.</summary>
    public string? Restart { get; init; }

    public int Priority { get; init; }

    /// <summary>When a VM that does not run is requested again; null: when an operator starts it.</summary>
    public DateTimeOffset? ReturnsAt { get; init; }

    /// <summary>Returns since it last ran well; null where it runs for the first time.</summary>
    public int? Returns { get; init; }

    /// <summary>Null until a sample has come.</summary>
    public long? WorkingSetBytes { get; init; }

    public long? DemandBytes { get; init; }

    /// <summary>Memory that the hypervisor needs beside the guest's memory.</summary>
    public required long OverheadBytes { get; init; }

    /// <summary>
    /// The boot size that it asked for, while it has less because it started early; null where nothing is owed to it.
    /// </summary>
    public long? OwedBytes { get; init; }

    /// <summary>
    /// The memory that the plan allows it and that it still lacks, and whose memory that will be; null where it waits for nothing.
    /// </summary>
    public WaitView? Waits { get; init; }

    /// <summary>The time since when its new target is held back because enough other VMs are moving; null where it is not.</summary>
    public DateTimeOffset? HeldSince { get; init; }

    /// <summary>The target that an operator set (<c>dmm vm resize</c>); null where there is none.</summary>
    public long? OperatorTargetBytes { get; init; }

    /// <summary>The source of what DMM knows about this guest: agent, balloonStatistics or none.</summary>
    public required string Agent { get; init; }

    public required string Hypervisor { get; init; }

    /// <summary>How its virtual CPUs run: kvm or tcg (emulated); null where that is not known.</summary>
    public string? Accel { get; init; }

    /// <summary>How far its balloon is trusted: <c>measured</c>, <c>enforced</c> or <c>none</c>; null while it does not run.</summary>
    public string? Trust { get; init; }

    /// <summary>What that trust means for this VM now, and what it costs.</summary>
    public string? TrustWhy { get; init; }

    public int? Pid { get; init; }

    /// <summary>True where somebody else started it and DMM adopted it; false where DMM launched it.</summary>
    public required bool Adopted { get; init; }

    public string? OperatorQmp { get; init; }
    public string? Console { get; init; }
    public GuestView? Guest { get; init; }

    /// <summary>The things that limit this VM, each with the setting to change.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>The guest's last values.</summary>
public sealed record GuestView
{
    public DateTimeOffset? SampledAt { get; init; }
    public long? MemTotalBytes { get; init; }
    public long? MemFreeBytes { get; init; }
    public long? MemAvailableBytes { get; init; }
    public long? SwapTotalBytes { get; init; }
    public long? SwapUsedBytes { get; init; }
    public string? AgentVersion { get; init; }
    public string? Kernel { get; init; }
    public string? AutoOnline { get; init; }
    public string? OnlinePolicy { get; init; }
    public int? AutoMovableRatio { get; init; }
    public string? MemmapOnMemory { get; init; }
    public long? BlockBytes { get; init; }
}

/// <summary>Something that happened, and why. Sizes are null where they have no meaning.</summary>
public sealed record EventView
{
    /// <summary>Grows by one with each event of this host while a daemon runs. Pass the last one seen to continue after it.</summary>
    public required long Sequence { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>In lower camel case, such as granted, pressure, settled, vmLaunched, shrinkAsked.</summary>
    public required string Kind { get; init; }
    public string? Vm { get; init; }

    /// <summary>One line for people.</summary>
    public required string Text { get; init; }
    public long? FromBytes { get; init; }
    public long? ToBytes { get; init; }
}

/// <summary>The result of a change. Notes say, for instance, what was rounded.</summary>
public sealed record DoneView(string Vm, string Text, IReadOnlyList<string> Notes);

/// <summary>A refusal: one line that names the thing, what was found and what would be right.</summary>
/// <param name="Error">The line.</param>
/// <param name="Kind">invalid (used wrongly), notFound, conflict, refused, failed, unavailable or timeout.</param>
public sealed record ErrorView(string Error, string Kind);
