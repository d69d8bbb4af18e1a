using System.Collections.Immutable;
using Dmm.Core.Planning;

namespace Dmm.Core.Explaining;

/// <summary>Why a VM has not what it wants, or not yet, or is left with more than it wants.</summary>
public enum HoldKind
{
    /// <summary>An operator's own size stands.</summary>
    Operator,

    /// <summary>A peer's law decides (<c>dmm.policy</c>).</summary>
    Policy,

    /// <summary>The VM has not reported yet.</summary>
    Unheard,

    Booting,

    Stopping,

    Stuck,

    Uncooperative,

    Lost,
    Paused,

    /// <summary>Nobody says what its guest needs.</summary>
    Unforeseen,

    /// <summary>The host lacks memory for what is claimed already.</summary>
    Deficit,

    /// <summary>Growth waits for memory that others are to give.</summary>
    Peers,

    /// <summary>Free memory is gathered for a VM to come.</summary>
    Gathering,

    /// <summary>It has a new target and too many other VMs move.</summary>
    Turn,

    /// <summary>Too little for all: it gets its fair share.</summary>
    Shortage,

    /// <summary>Ordinary growth leaves the cushion free.</summary>
    Cushion,

    Max,

    /// <summary>Its devices or its guest's zones reach no further.</summary>
    Reach,

    ControlGroup,

    /// <summary>It would be given less but for its guarantee.</summary>
    Min,

    /// <summary>The change is too small to be worth a resize.</summary>
    DeadBand,

    /// <summary>What it used lately it gives slowly while nobody is in need.</summary>
    Slowly,

    /// <summary>It was told to give and has not confirmed: its claim stays whole.</summary>
    Unconfirmed,
}

/// <param name="Size">What is held back, or the bound that holds it; the kind tells which.</param>
/// <param name="Word">What more there is to say, in words of the part that knows.</param>
public sealed record Hold(HoldKind Kind, MemorySize Size = default, string? Word = null)
{
    /// <summary>Who is to give what is waited for.</summary>
    public ImmutableArray<Giver> From { get; init; } = [];

    public Moment? Since { get; init; }
}
