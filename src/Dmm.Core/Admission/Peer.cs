using Dmm.Core.Planning;

namespace Dmm.Core.Admission;

/// <summary>A VM that may make room for another.</summary>
/// <param name="Bid">As the arbiter sees it, without what plans ask of it.</param>
/// <param name="Heard">True where it has reported since the daemon started.</param>
public sealed record Peer(Bid Bid, ShrinkHistory ShrinkHistory, bool Heard)
{
    /// <summary>The memory that its guest says it can spare; all above min where the guest does not tell.</summary>
    public MemorySize Spare => Bid.Held.MinusOrZero(Bid.TakenTo);

    /// <summary>False for a peer that is in need, can't be moved, or has not reported: nothing is asked of it.</summary>
    public bool Gives => Heard && Bid is { Movable: true, Urgent: false };

    /// <summary>Returns the lowest size to which memory of this kind may be taken from it.</summary>
    public MemorySize FloorOf(GiveKind kind, MemorySize step)
    {
        var floor = kind switch
        {
            GiveKind.Slack => MemorySize.Max(Bid.ShrinkTo, Bid.Want),
            GiveKind.PastUse => Bid.Want,
            GiveKind.Headroom => Bid.Need,
            _ => Bid.Min,
        };
        floor = MemorySize.Max(floor.Clamp(Bid.Min, Bid.Max), Bid.Held - Spare);
        return floor == Bid.Min ? floor : floor.RoundUp(step);
    }
}
