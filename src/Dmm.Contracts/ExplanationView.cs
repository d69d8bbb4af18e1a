namespace Dmm.Contracts;

/// <summary>Why a VM has, or had, its memory. It shows what was recorded at the decision, not what would be decided now.</summary>
public sealed record ExplanationView
{
    public required string Vm { get; init; }

    /// <summary>The time that was asked about.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>When the decision that holds at that time was made; for now, the time of the last plan.</summary>
    public required DateTimeOffset DecidedAt { get; init; }

    /// <summary>memory: all is known; journal: only the promise is known, because that time is no longer remembered.</summary>
    public required string Source { get; init; }

    /// <summary>The time since when decisions on this VM are remembered; null where none is.</summary>
    public DateTimeOffset? KnownSince { get; init; }

    /// <summary>The same as text for people, one entry per line.</summary>
    public required IReadOnlyList<ExplanationLineView> Text { get; init; }

    public long? ActualBytes { get; init; }
    public required long GrantedBytes { get; init; }
    public required long TargetBytes { get; init; }

    /// <summary>The size that the plan gives it. The granted size follows as memory comes.</summary>
    public long? PlannedBytes { get; init; }

    public string? State { get; init; }
    public long? MinBytes { get; init; }
    public long? MaxBytes { get; init; }
    public int? Shares { get; init; }
    public long? OperatorTargetBytes { get; init; }

    /// <summary>keep, immovable, demand, givesSlack, givesPast, fairShare, limited, policy, makesRoom.</summary>
    public required string Ruling { get; init; }
    public required bool Urgent { get; init; }
    public SaidView? Guest { get; init; }
    public ForecastView? Forecast { get; init; }
    public required IReadOnlyList<HoldView> HeldBack { get; init; }

    /// <summary>Memory that it got in the period before; null for none.</summary>
    public MovesView? Got { get; init; }

    public MovesView? Gave { get; init; }

    /// <summary>The last changes of its promise, latest first.</summary>
    public required IReadOnlyList<PromiseChangeView> Changes { get; init; }
}

/// <param name="Topic">memory, problem, guest, wants, can spare, rule, held back, got, gave, policy or note.</param>
public sealed record ExplanationLineView(string Topic, string Text);

/// <param name="Source">agent or balloonStatistics.</param>
public sealed record SaidView(DateTimeOffset At, string Source, long AvailableBytes, long TotalBytes, long SwappedBytes);

/// <param name="At">When the sample behind the forecast was taken.</param>
/// <param name="NeedBytes">Memory that is in use, or soon will be.</param>
/// <param name="DemandBytes">Need plus headroom.</param>
/// <param name="HeadroomBound">The rule that set the headroom.</param>
/// <param name="ShrinkToBytes">The size down to which a shrink is not expected to hurt.</param>
/// <param name="ShrinkBound">The part of the estimate that set that size.</param>
/// <param name="StallRatio">The part of the time in which the guest stalled for memory, 0 to 1.</param>
public sealed record ForecastView(
    DateTimeOffset At,
    long WorkingSetBytes,
    double TrendBytesPerSecond,
    long NeedBytes,
    long HeadroomBytes,
    string HeadroomBound,
    long DemandBytes,
    long ShrinkToBytes,
    string ShrinkBound,
    double StallRatio,
    bool Urgent);

/// <param name="Kind">
/// operator, policy, unheard, booting, stopping, stuck, uncooperative, lost, paused, unforeseen, deficit, peers, gathering, turn,
/// shortage, cushion, max, reach, controlGroup, min, deadBand, slowly, unconfirmed.
/// </param>
/// <param name="Bytes">The size that is held back, or the bound that holds it; null where the reason is not a size.</param>
/// <param name="From">The VMs that are to give the memory that this one waits for.</param>
public sealed record HoldView(string Kind, string Text, long? Bytes, IReadOnlyList<GiverView> From, DateTimeOffset? Since);

/// <param name="LastAt">When memory moved last.</param>
/// <param name="Seconds">The length of that period, as far as it is remembered.</param>
public sealed record MovesView(long Bytes, DateTimeOffset LastAt, double Seconds, IReadOnlyList<PeerView> Peers);

/// <param name="Vm">The other VM; null: free memory.</param>
public sealed record PeerView(string? Vm, long Bytes);

/// <param name="From">The VMs that gave for an increase.</param>
/// <param name="To">The VMs that got what a decrease gave.</param>
public sealed record PromiseChangeView(
    DateTimeOffset At, long GrantedBytes, long TargetBytes, string Ruling, bool Urgent, IReadOnlyList<PeerView> From,
    IReadOnlyList<PeerView> To);
