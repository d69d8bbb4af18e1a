using Dmm.Core;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Simulation;

/// <summary>One hotplug device of a simulated guest.</summary>
/// <param name="max">The most that the device can become.</param>
/// <param name="pace">The device's speed, as a part of its guest's rates.</param>
/// <param name="keeps">The memory that a guest with <see cref="GuestTemper.KeepsSome"/> never gives back from this device.</param>
internal sealed class SimulatedDevice(MemorySize max, double pace, MemorySize keeps)
{
    /// <summary>Movement that the guest's rates allowed and that was less than a block.</summary>
    private MemorySize _credit;

    /// <summary>Set when a shrink is asked: the memory that a guest which stops halfway still owes then.</summary>
    private MemorySize _halfway;

    public MemorySize Size { get; set; }

    public MemorySize Requested { get; set; }

    public MemorySize Max => max;

    public MemorySize Keeps => keeps;

    /// <summary>The memory that a guest which stops halfway gives from this device.</summary>
    public MemorySize ToHalfway => Size.MinusOrZero(Requested).MinusOrZero(_halfway);

    public bool IsAtRest => Size == Requested;

    public HotplugDevice State => new(Size, Requested, max, SimulatedGuest.Block);

    public void Ask(MemorySize requested)
    {
        _halfway = Size.MinusOrZero(requested).Scale(0.5);
        Requested = requested;
    }

    /// <summary>Moves towards the size that it was told, in whole blocks.</summary>
    /// <param name="most">The most that the device moves, whatever the time.</param>
    /// <param name="rate">The movement that the guest's rate allows in the elapsed time.</param>
    public void Move(MemorySize most, MemorySize rate)
    {
        var credit = MemorySize.Min(most, rate.Scale(pace) + _credit);
        var step = credit.RoundDown(SimulatedGuest.Block);
        _credit = step.IsZero ? credit : MemorySize.Zero;
        Size = Requested > Size ? MemorySize.Min(Requested, Size + step) : MemorySize.Max(Requested, Size.MinusOrZero(step));
    }

    public void Reset() => (Size, _credit) = (MemorySize.Zero, MemorySize.Zero);
}
