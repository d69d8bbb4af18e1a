using System.Collections.Immutable;

namespace Dmm.Core.Explaining;

/// <summary>Memory that changed hands over a while.</summary>
/// <param name="Peer">The other side; null: it was free before, or is now.</param>
public readonly record struct Share(VmId? Peer, MemorySize Size);

/// <param name="Last">When some of it moved last.</param>
/// <param name="Shares">The largest first.</param>
public sealed record Moves(MemorySize Total, Clocks Last, ImmutableArray<Share> Shares);

/// <summary>Why a VM has, or had, the memory that it has: the decision of that time, and what changed hands in the while before.</summary>
/// <param name="At">The time that is asked about.</param>
/// <param name="Decision">Null where nothing is recorded of that time (any more).</param>
/// <param name="Since">When the record of this VM begins; null where there is none.</param>
public sealed record Explanation(VmId Vm, Clocks At, Decision? Decision, Clocks? Since)
{
    /// <summary>Changes of promises that led there, the latest first; no more than a few.</summary>
    public ImmutableArray<Decision> Before { get; init; } = [];

    /// <summary>What it got in the while before; null for nothing.</summary>
    public Moves? Got { get; init; }

    /// <summary>What it gave.</summary>
    public Moves? Gave { get; init; }

    /// <summary>
    /// Up to when by the wall's clock, as it went then, something is recorded; null for nothing. It may have been set back since.
    /// </summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>How long that while is, as far as it is recorded.</summary>
    public TimeSpan While { get; init; }
}
