namespace Dmm.Hypervisors.Simulation;

/// <summary>
/// How a simulated guest misbehaves: each way is one that a real one was seen to. That it dies or comes back is not its temper but what
/// befalls it: <see cref="SimulatedHypervisor.Kill"/>, <see cref="SimulatedGuest.Reboot"/>.
/// </summary>
public enum GuestTemper
{
    /// <summary>Does as it is told, at the given rates.</summary>
    Ideal,

    /// <summary>Does as it is told, at a fiftieth of the rates.</summary>
    Slow,

    /// <summary>Never lets go of anything, neither of what it was plugged nor of what it booted with.</summary>
    Stubborn,

    /// <summary>Shrinks half of the way and stops; asked again, half of the rest.</summary>
    StopsHalfway,

    /// <summary>Gives nothing below <see cref="SimulatedGuest.Floor"/>, as squeezed's guests that stop at a floor.</summary>
    StopsAtFloor,

    /// <summary>
    /// Keeps a few blocks of each device for ever, as a kernel does whose own pages came to lie there; how many is the device's own, and
    /// none of some. Everything else it does as it is told.
    /// </summary>
    KeepsSome,

    /// <summary>Never takes what is plugged (its driver has given up).</summary>
    IgnoresPlug,

    /// <summary>
    /// Accepts no more than <see cref="SimulatedGuest.Limit"/>: the device shows the size for a moment and falls back, the guest's MemTotal
    /// never follows, and its driver gives up until it is asked again or <see cref="SimulatedGuest.RetriesAfter"/>.
    /// </summary>
    RefusesAbove,

    /// <summary>Takes memory back out of the balloon without being asked, as deflate-on-oom does, until it is asked again.</summary>
    GrowsByItself,

    /// <summary>Every other command is not heard, and its driver stands still; asked for the same again, it may hear.</summary>
    Forgets,

    /// <summary>Its agent tells nonsense: all of its memory available, or none, and counters over all that a number holds.</summary>
    LiesAboutUse,

    /// <summary>Its balloon says that it has what it was asked for, and has not: that size is the guest's own word.</summary>
    LiesAboutBalloon,

    /// <summary>Sends its samples, and tells its sizes, in masses.</summary>
    Floods,
}
