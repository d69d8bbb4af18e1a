namespace Dmm.Contracts;

/// <summary>
/// What the daemon answers and the command prints with <c>--json</c>: sizes in bytes as integers whose names end in <c>Bytes</c>, times
/// ISO 8601 in UTC, enumerations in lower camel case. Stable: fields are added, never renamed.
/// </summary>
public sealed record HostView
{
    /// <summary>The host as this daemon's cluster knows it.</summary>
    public required string Node { get; init; }

    public required string Hypervisor { get; init; }

    /// <summary>starting, ready, or degraded (see <see cref="Problems"/>).</summary>
    public required string State { get; init; }

    /// <summary>Memory that DMM counts on: what was set, or less where the host has less.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>dmm.host.memory.</summary>
    public long? ConfiguredMemoryBytes { get; init; }

    /// <summary>What keeps <see cref="MemoryBytes"/> below <see cref="ConfiguredMemoryBytes"/>; null where nothing does.</summary>
    public string? MemoryWhy { get; init; }

    /// <summary>Kept for the host itself.</summary>
    public required long ReserveBytes { get; init; }

    /// <summary>Kept free for fast growth, more while the host is under pressure; urgent growth may take it.</summary>
    public required long CushionBytes { get; init; }

    /// <summary>Σ claim of the VMs.</summary>
    public required long ClaimsBytes { get; init; }

    /// <summary>Σ reservation of VMs that are about to be created.</summary>
    public required long ReservationsBytes { get; init; }

    /// <summary>What VMs that were let go of and still run may take.</summary>
    public long LetGoBytes { get; init; }

    /// <summary>memory − reserve − claims − let go − reservations; 0 in a deficit.</summary>
    public required long FreeBytes { get; init; }

    /// <summary>How far the invariant is broken; 0 where it holds.</summary>
    public required long DeficitBytes { get; init; }

    /// <summary>Σ max ÷ memory for guests.</summary>
    public required double OvercommitRatio { get; init; }

    public required HostPressureView Pressure { get; init; }

    public required int Vms { get; init; }

    /// <summary>VMs that wait to be created.</summary>
    public required IReadOnlyList<AdmissionView> Admissions { get; init; }

    /// <summary>Who waits for whose memory, in the order in which memory that comes back is promised.</summary>
    public IReadOnlyList<WaitView> Waits { get; init; } = [];

    /// <summary>VMs that move now.</summary>
    public IReadOnlyList<OperationView> Operations { get; init; } = [];

    /// <summary>VMs that have a new target and wait for their turn, since dmm.plan allows only so many operations at once.</summary>
    public IReadOnlyList<HeldView> Held { get; init; } = [];

    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>From the start of the daemon's process to its first plan; null before that.</summary>
    public double? InControlSeconds { get; init; }

    /// <summary>From the start of the daemon's process until every VM of the journal had reported; null before that.</summary>
    public double? AllActorsSeconds { get; init; }
}

/// <param name="Vm">Who waits: a VM, or one that is to be created.</param>
/// <param name="From">Whose memory it will be, as far as it is under way.</param>
public sealed record WaitView(string Vm, long MissingBytes, bool Urgent, IReadOnlyList<GiverView> From);

public sealed record GiverView(string Vm, long Bytes);

public sealed record OperationView(string Vm, bool Balloon, bool Hotplug, bool Urgent);

public sealed record HeldView(string Vm, DateTimeOffset Since);

/// <summary>The host's own memory and stall; null where this host does not tell.</summary>
public sealed record HostPressureView(long? MemAvailableBytes, double? SomeAvg10, double? FullAvg10);

/// <summary>A VM on its way to being.</summary>
/// <param name="State">requested, waiting, planned, shrinking, reserved, launching.</param>
public sealed record AdmissionView(
    string Id, string State, long BytesWanted, long BytesMissing, string Why, DateTimeOffset Since, DateTimeOffset? Deadline)
{
    public int Priority { get; init; }

    /// <summary>full or early.</summary>
    public string BootPolicy { get; init; } = "full";

    /// <summary>Who gives for it.</summary>
    public IReadOnlyList<ContributionView> From { get; init; } = [];

    /// <summary>How long its plan takes from the moment in which it was made, by measured rates; null without a plan.</summary>
    public double? ExpectedSeconds { get; init; }

    /// <summary>Its deadline can't be kept as things go.</summary>
    public bool Late { get; init; }
}

/// <param name="Bytes">All that it gives.</param>
/// <param name="OutstandingBytes">What of that has not come yet.</param>
/// <param name="Kind">slack, pastUse, headroom, inUse: what it costs the giver.</param>
public sealed record ContributionView(string Vm, long Bytes, long OutstandingBytes, string Kind);

/// <summary>What <c>POST /api/v1/vms?dryRun=true</c> answers: what would become of the request. Nothing is changed.</summary>
public sealed record DryRunView
{
    public required string Vm { get; init; }

    /// <summary>starts, gathers, late, waits, refused.</summary>
    public required string Prospect { get; init; }

    /// <summary>The same in words; for a refusal with the least that would make it fit.</summary>
    public required string Text { get; init; }

    /// <summary>It would start, in time.</summary>
    public required bool Fits { get; init; }

    /// <summary>What it would boot with, where it would start at once.</summary>
    public long? BootBytes { get; init; }

    /// <summary>Who would give how much.</summary>
    public IReadOnlyList<ContributionView> From { get; init; } = [];

    /// <summary>How long that would take, by measured rates.</summary>
    public double? ExpectedSeconds { get; init; }

    public IReadOnlyList<string> Notes { get; init; } = [];
}

public sealed record VmView
{
    public required string Id { get; init; }

    /// <summary>
    /// requested, waiting, launching, booting, settled, growing, shrinking, stuck, uncooperative, lost, stopping, stopped, returning.
    /// </summary>
    public required string State { get; init; }

    /// <summary>Why it is in that state, where there is more to say.</summary>
    public string? Why { get; init; }

    public required long BaseBytes { get; init; }
    public required long PluggedBytes { get; init; }
    public required long BalloonedBytes { get; init; }
    public required long ActualBytes { get; init; }
    public required long GrantedBytes { get; init; }
    public required long TargetBytes { get; init; }
    public required long MinBytes { get; init; }
    public required long MaxBytes { get; init; }

    /// <summary>The most this VM can be without a restart.</summary>
    public required long StaticMaxBytes { get; init; }

    public required int Shares { get; init; }

    /// <summary>never, onFailure or always; null for a VM that somebody else started.</summary>
    public string? Restart { get; init; }

    public int Priority { get; init; }

    /// <summary>Of a VM that does not run: when it is asked for again; null: when an operator starts it.</summary>
    public DateTimeOffset? ReturnsAt { get; init; }

    /// <summary>Returns since it last ran well; null where this is its first life.</summary>
    public int? Returns { get; init; }

    /// <summary>Null until a sample has come.</summary>
    public long? WorkingSetBytes { get; init; }

    public long? DemandBytes { get; init; }

    /// <summary>The hypervisor's own cost beside the guest's memory.</summary>
    public required long OverheadBytes { get; init; }

    /// <summary>What it asked to boot with, while it has less because it started early; null where it is owed nothing.</summary>
    public long? OwedBytes { get; init; }

    /// <summary>What it lacks of what the plan allows it, and whose memory that will be; null where it waits for nothing.</summary>
    public WaitView? Waits { get; init; }

    /// <summary>Since when its new target is held back, since enough other VMs move; null where it is not.</summary>
    public DateTimeOffset? HeldSince { get; init; }

    /// <summary>An operator's own target (<c>dmm vm resize</c>), where one is set.</summary>
    public long? OperatorTargetBytes { get; init; }

    /// <summary>agent, balloonStatistics or none: where DMM hears of this guest from.</summary>
    public required string Agent { get; init; }

    public required string Hypervisor { get; init; }
    public int? Pid { get; init; }

    /// <summary>launched by DMM, or adopted.</summary>
    public required bool Adopted { get; init; }

    public string? OperatorQmp { get; init; }
    public string? Console { get; init; }
    public GuestView? Guest { get; init; }

    /// <summary>What limits this VM, each with what to set.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>What the guest said last.</summary>
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

/// <summary>Something that happened, and why. The sizes are null where they mean nothing.</summary>
public sealed record EventView
{
    /// <summary>Grows by one with each event of this host while a daemon runs; pass the last one seen to go on from there.</summary>
    public required long Sequence { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>lower camel case, such as granted, pressure, settled, vmLaunched, shrinkAsked.</summary>
    public required string Kind { get; init; }
    public string? Vm { get; init; }

    /// <summary>One line for people.</summary>
    public required string Text { get; init; }
    public long? FromBytes { get; init; }
    public long? ToBytes { get; init; }
}

/// <summary>What a change did; notes say, for instance, what was rounded.</summary>
public sealed record DoneView(string Vm, string Text, IReadOnlyList<string> Notes);

/// <summary>A refusal: one line that names the thing, what was found and what would be right.</summary>
/// <param name="Error">The line.</param>
/// <param name="Kind">invalid (used wrongly), notFound, conflict, refused, failed or timeout.</param>
public sealed record ErrorView(string Error, string Kind);
