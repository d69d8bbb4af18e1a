using System.Collections.Immutable;

namespace Dmm.Core.Admission;

/// <summary>Kinds of memory that a peer gives, the cheapest first.</summary>
public enum GiveKind
{
    /// <summary>The peer is not expected to miss it.</summary>
    Slack,

    /// <summary>The peer used it lately and does not use it now.</summary>
    PastUse,

    /// <summary>The peer keeps it for growth that is foreseen.</summary>
    Headroom,

    /// <summary>The peer uses it and feels its loss.</summary>
    InUse,
}

/// <summary>A peer's part of a plan: it shrinks from one size to another.</summary>
/// <param name="From">
/// The size that it holds when its part begins. Memory that it holds above this was promised to others, or stays with it.
/// </param>
/// <param name="Kind">The dearest kind of memory in its part.</param>
public sealed record Contribution(VmId Vm, MemorySize From, MemorySize To, GiveKind Kind)
{
    public MemorySize Size => From.MinusOrZero(To);

    /// <summary>Returns how much is still to come from a peer that holds <paramref name="held"/>.</summary>
    public MemorySize Outstanding(MemorySize held) => MemorySize.Min(held, From).MinusOrZero(To);
}

/// <summary>A plan of which peers make room for a new VM.</summary>
/// <param name="For">The amount to gather, including what is already free.</param>
/// <param name="From">Empty where a law other than DMM's own decides which VMs give (<c>dmm.policy</c>).</param>
/// <param name="Expected">How long the plan takes, by the rates at which these peers were seen to shrink.</param>
/// <param name="Late">True where that is beyond the deadline.</param>
public sealed record RoomPlan(MemorySize For, ImmutableArray<Contribution> From, TimeSpan Expected, bool Late)
{
    public bool Equals(RoomPlan? other) =>
        other is not null && For == other.For && Expected == other.Expected && Late == other.Late && From.AsSpan()
        .SequenceEqual(other.From.AsSpan());

    public override int GetHashCode() => HashCode.Combine(For, From.Length, Expected, Late);
}
