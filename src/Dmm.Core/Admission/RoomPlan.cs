using System.Collections.Immutable;

namespace Dmm.Core.Admission;

/// <summary>What a peer gives, the cheapest first.</summary>
public enum GiveKind
{
    /// <summary>It is not expected to miss it.</summary>
    Slack,

    /// <summary>It used it lately and does not use it now.</summary>
    PastUse,

    /// <summary>It is kept for growth that is foreseen.</summary>
    Headroom,

    /// <summary>It is in use: its loss is felt.</summary>
    InUse,
}

/// <summary>A peer's part of a plan: it shrinks from one size to another.</summary>
/// <param name="From">What it holds when its part begins; what it holds above that others were promised, or it stays with it.</param>
/// <param name="Kind">The dearest of what it gives.</param>
public sealed record Contribution(VmId Vm, MemorySize From, MemorySize To, GiveKind Kind)
{
    public MemorySize Size => From.MinusOrZero(To);

    /// <summary>What has not come yet of a peer that holds <paramref name="held"/>.</summary>
    public MemorySize Outstanding(MemorySize held) => MemorySize.Min(held, From).MinusOrZero(To);
}

/// <summary>Who makes room for a new VM.</summary>
/// <param name="For">What is gathered, what is free already included.</param>
/// <param name="From">Empty where another law than DMM's own decides who gives (<c>dmm.policy</c>).</param>
/// <param name="Expected">How long that takes, by the rates at which these peers were seen to shrink.</param>
/// <param name="Late">That is beyond the deadline.</param>
public sealed record RoomPlan(MemorySize For, ImmutableArray<Contribution> From, TimeSpan Expected, bool Late)
{
    public bool Equals(RoomPlan? other) =>
        other is not null && For == other.For && Expected == other.Expected && Late == other.Late && From.AsSpan()
        .SequenceEqual(other.From.AsSpan());

    public override int GetHashCode() => HashCode.Combine(For, From.Length, Expected, Late);
}
