using System.Collections.Immutable;

namespace Dmm.Core.Explaining;

/// <summary>Memory that changed hands with one peer over a period.</summary>
/// <param name="Peer">The other side; null: the memory was free before, or is free now.</param>
public readonly record struct Share(VmId? Peer, MemorySize Size);

/// <param name="Last">When memory last moved.</param>
/// <param name="Shares">The largest first.</param>
public sealed record Moves(MemorySize Total, Clocks Last, ImmutableArray<Share> Shares);

/// <summary>
/// Why a VM has, or had, the memory that it has: the decision of that time, and the memory that changed hands in the period before.
/// </summary>
/// <param name="At">The time that the question is about.</param>
/// <param name="Decision">Null where nothing is recorded of that time (any more).</param>
/// <param name="Since">When the record of this VM begins; null where there is none.</param>
public sealed record Explanation(VmId Vm, Clocks At, Decision? Decision, Clocks? Since)
{
    /// <summary>The changes of promises that led to the decision, the latest first; only a few.</summary>
    public ImmutableArray<Decision> Before { get; init; } = [];

    /// <summary>The memory that it got in the period before; null for none.</summary>
    public Moves? Got { get; init; }

    /// <summary>The memory that it gave in the period before; null for none.</summary>
    public Moves? Gave { get; init; }

    /// <summary>
    /// The latest time, by the wall clock as it went then, of which something is recorded; null for nothing. The wall clock may have been
    /// set back since.
    /// </summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The length of that period, as far as it is recorded.</summary>
    public TimeSpan While { get; init; }
}
