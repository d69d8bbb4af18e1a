namespace Dmm.Contracts;

/// <summary>Why a VM has, or had, the memory that it has: what was recorded when it was decided, not what would follow now.</summary>
public sealed record ExplanationView
{
    public required string Vm { get; init; }

    /// <summary>The time that was asked about.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>When what holds at that time was decided or, of now, looked at last.</summary>
    public required DateTimeOffset DecidedAt { get; init; }

    /// <summary>memory: all is known; journal: only what was promised, since that time is not remembered any more.</summary>
    public required string Source { get; init; }

    /// <summary>Since when decisions on this VM are remembered; null where none is.</summary>
    public DateTimeOffset? KnownSince { get; init; }

    /// <summary>The same for people, a line each.</summary>
    public required IReadOnlyList<ExplanationLineView> Text { get; init; }

    public long? ActualBytes { get; init; }
    public required long GrantedBytes { get; init; }
    public required long TargetBytes { get; init; }

    /// <summary>What the plan would have it at; what is granted follows as memory comes.</summary>
    public long? PlannedBytes { get; init; }

    public string? State { get; init; }
    public long? MinBytes { get; init; }
    public long? MaxBytes { get; init; }
    public int? Shares { get; init; }
    public long? OperatorTargetBytes { get; init; }

    /// <summary>keep, immovable, demand, givesSlack, givesPast, fairShare, limited, policy.</summary>
    public required string Ruling { get; init; }
    public required bool Urgent { get; init; }
    public SaidView? Guest { get; init; }
    public ForecastView? Forecast { get; init; }
    public required IReadOnlyList<HoldView> HeldBack { get; init; }

    /// <summary>What it got in the while before; null for nothing.</summary>
    public MovesView? Got { get; init; }

    public MovesView? Gave { get; init; }

    /// <summary>The last changes of its promise, the latest first.</summary>
    public required IReadOnlyList<PromiseChangeView> Changes { get; init; }
}

/// <param name="Topic">memory, problem, guest, wants, can spare, rule, held back, got, gave, policy or note.</param>
public sealed record ExplanationLineView(string Topic, string Text);

/// <param name="Source">agent or balloonStatistics.</param>
public sealed record SaidView(DateTimeOffset At, string Source, long AvailableBytes, long TotalBytes, long SwappedBytes);

/// <param name="At">When the sample behind it was taken.</param>
/// <param name="NeedBytes">In use, or about to be.</param>
/// <param name="DemandBytes">That and headroom.</param>
/// <param name="HeadroomBound">Which rule bound the headroom.</param>
/// <param name="ShrinkToBytes">Down to here a shrink is not expected to hurt.</param>
/// <param name="ShrinkBound">Which part of the estimate bound that.</param>
/// <param name="StallRatio">The part of the time in which the guest stood still for memory.</param>
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
/// operator, policy, unheard, booting, stopping, stuck, uncooperative, lost, unforeseen, deficit, peers, gathering, turn, shortage,
/// cushion, max, reach, controlGroup, min, deadBand, slowly, unconfirmed.
/// </param>
/// <param name="Bytes">What is held back, or the bound that holds it; null where it is no matter of size.</param>
/// <param name="From">Who is to give what is waited for.</param>
public sealed record HoldView(string Kind, string Text, long? Bytes, IReadOnlyList<GiverView> From, DateTimeOffset? Since);

/// <param name="LastAt">When some of it moved last.</param>
/// <param name="Seconds">How long the while is, as far as it is remembered.</param>
public sealed record MovesView(long Bytes, DateTimeOffset LastAt, double Seconds, IReadOnlyList<PeerView> Peers);

/// <param name="Vm">Null: free memory.</param>
public sealed record PeerView(string? Vm, long Bytes);

/// <param name="From">Who gave for a rise.</param>
/// <param name="To">Who got what a fall gave.</param>
public sealed record PromiseChangeView(
    DateTimeOffset At, long GrantedBytes, long TargetBytes, string Ruling, bool Urgent, IReadOnlyList<PeerView> From,
    IReadOnlyList<PeerView> To);
