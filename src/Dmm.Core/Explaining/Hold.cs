using System.Collections.Immutable;
using Dmm.Core.Planning;

namespace Dmm.Core.Explaining;

/// <summary>Why a VM does not have what it wants, or not yet, or is left with more than it wants.</summary>
public enum HoldKind
{
    /// <summary>An operator has set its size.</summary>
    Operator,

    /// <summary>A law other than DMM's own decides (<c>dmm.policy</c>).</summary>
    Policy,

    /// <summary>The VM has not reported yet.</summary>
    Unheard,

    Booting,

    Stopping,

    Stuck,

    Uncooperative,

    Lost,
    Paused,

    /// <summary>There is no forecast of what its guest needs.</summary>
    Unforeseen,

    /// <summary>The host lacks memory for what is claimed already.</summary>
    Deficit,

    /// <summary>Its growth waits for memory that other VMs are to give.</summary>
    Peers,

    /// <summary>Free memory is gathered for a VM to come.</summary>
    Gathering,

    /// <summary>It has a new target, but too many other VMs move.</summary>
    Turn,

    /// <summary>There is too little memory for all: it gets its fair share.</summary>
    Shortage,

    /// <summary>Ordinary growth does not use the cushion.</summary>
    Cushion,

    Max,

    /// <summary>Its devices or its guest's memory zones allow no more.</summary>
    Reach,

    ControlGroup,

    /// <summary>It would be given less if its min did not guarantee it more.</summary>
    Min,

    /// <summary>The change is too small to be worth a resize.</summary>
    DeadBand,

    /// <summary>It gives memory that it used lately slowly while no VM is in need.</summary>
    Slowly,

    /// <summary>It was told to give memory and has not confirmed it yet: its claim stays whole.</summary>
    Unconfirmed,
}

/// <param name="Size">The amount that is held back, or the bound that holds it; the kind tells which.</param>
/// <param name="Word">More detail, in words of the part that knows.</param>
public sealed record Hold(HoldKind Kind, MemorySize Size = default, string? Word = null)
{
    /// <summary>The VMs that are to give the memory that is waited for.</summary>
    public ImmutableArray<Giver> From { get; init; } = [];

    public Moment? Since { get; init; }
}
