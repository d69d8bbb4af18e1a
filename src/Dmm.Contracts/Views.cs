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

    /// <summary>Memory that DMM governs on this host.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Kept for the host itself.</summary>
    public required long ReserveBytes { get; init; }

    /// <summary>Kept free for fast growth; urgent growth may take it.</summary>
    public required long CushionBytes { get; init; }

    /// <summary>Σ claim of the VMs.</summary>
    public required long ClaimsBytes { get; init; }

    /// <summary>Σ reservation of VMs that are about to be created.</summary>
    public required long ReservationsBytes { get; init; }

    /// <summary>memory − reserve − claims − reservations; 0 in a deficit.</summary>
    public required long FreeBytes { get; init; }

    /// <summary>How far the invariant is broken; 0 where it holds.</summary>
    public required long DeficitBytes { get; init; }

    /// <summary>Σ max ÷ memory for guests.</summary>
    public required double OvercommitRatio { get; init; }

    public required HostPressureView Pressure { get; init; }

    public required int Vms { get; init; }

    /// <summary>VMs that wait to be created.</summary>
    public required IReadOnlyList<AdmissionView> Admissions { get; init; }

    public required IReadOnlyList<string> Problems { get; init; }
}

/// <summary>The host's own memory and stall; null where this host does not tell.</summary>
public sealed record HostPressureView(long? MemAvailableBytes, double? SomeAvg10, double? FullAvg10);

/// <summary>A VM on its way to being.</summary>
public sealed record AdmissionView(string Id, string State, long BytesWanted, long BytesMissing, string Why, DateTimeOffset Since, DateTimeOffset? Deadline);

public sealed record VmView
{
    public required string Id { get; init; }

    /// <summary>requested, waiting, launching, booting, settled, growing, shrinking, stuck, uncooperative, lost, stopping, stopped.</summary>
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

    /// <summary>Null until a sample has come.</summary>
    public long? WorkingSetBytes { get; init; }

    public long? DemandBytes { get; init; }

    /// <summary>The hypervisor's own cost beside the guest's memory.</summary>
    public required long OverheadBytes { get; init; }

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
