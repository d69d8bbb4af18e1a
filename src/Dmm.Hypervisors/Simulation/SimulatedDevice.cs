using Dmm.Core;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Simulation;

/// <summary>One hotplug device of a simulated guest.</summary>
/// <param name="max">The most that it can become.</param>
/// <param name="pace">At which part of its guest's rates it gives and takes.</param>
/// <param name="keeps">What a guest that keeps some (<see cref="GuestTemper.KeepsSome"/>) never gives back of it.</param>
internal sealed class SimulatedDevice(MemorySize max, double pace, MemorySize keeps)
{
    /// <summary>What its guest's rates allowed and was less than a block.</summary>
    private MemorySize _credit;

    /// <summary>Set when a shrink is asked: what a guest that stops halfway will still owe then.</summary>
    private MemorySize _halfway;

    public MemorySize Size { get; set; }

    public MemorySize Requested { get; set; }

    public MemorySize Max => max;

    public MemorySize Keeps => keeps;

    /// <summary>What a guest that stops halfway gives of it.</summary>
    public MemorySize ToHalfway => Size.MinusOrZero(Requested).MinusOrZero(_halfway);

    public bool IsAtRest => Size == Requested;

    public HotplugDevice State => new(Size, Requested, max, SimulatedGuest.Block);

    public void Ask(MemorySize requested)
    {
        _halfway = Size.MinusOrZero(requested).Scale(0.5);
        Requested = requested;
    }

    /// <summary>Moves towards what it was told, by whole blocks.</summary>
    /// <param name="most">The most that it moves, whatever the time.</param>
    /// <param name="rate">What the guest's rate lets it move in the time that went by.</param>
    public void Move(MemorySize most, MemorySize rate)
    {
        var credit = MemorySize.Min(most, rate.Scale(pace) + _credit);
        var step = credit.RoundDown(SimulatedGuest.Block);
        _credit = step.IsZero ? credit : MemorySize.Zero;
        Size = Requested > Size ? MemorySize.Min(Requested, Size + step) : MemorySize.Max(Requested, Size.MinusOrZero(step));
    }

    public void Reset() => (Size, _credit) = (MemorySize.Zero, MemorySize.Zero);
}
