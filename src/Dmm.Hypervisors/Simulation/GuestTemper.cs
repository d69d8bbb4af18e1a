namespace Dmm.Hypervisors.Simulation;

/// <summary>
/// How a simulated guest misbehaves: real guests were seen to do each of these. Dying and returning are not a temper but events from
/// outside: <see cref="SimulatedHypervisor.Kill"/>, <see cref="SimulatedGuest.Reboot"/>.
/// </summary>
public enum GuestTemper
{
    /// <summary>Does as it is told, at the given rates.</summary>
    Ideal,

    /// <summary>Does as it is told, at a fiftieth of the rates.</summary>
    Slow,

    /// <summary>Never gives any memory back, neither plugged memory nor boot memory.</summary>
    Stubborn,

    /// <summary>Shrinks half of the way and stops; when asked again, gives half of the rest.</summary>
    StopsHalfway,

    /// <summary>Gives nothing below <see cref="SimulatedGuest.Floor"/>, like squeezed's guests that stop at a floor.</summary>
    StopsAtFloor,

    /// <summary>
    /// Keeps a few blocks of each device for ever, like a kernel that has its own pages there; each device has its own number of such
    /// blocks, some have none. Otherwise it does as it is told.
    /// </summary>
    KeepsSome,

    /// <summary>Never takes plugged memory (its driver has given up).</summary>
    IgnoresPlug,

    /// <summary>
    /// Leaves plugged memory offline: the device shows it, and the guest's MemTotal never follows (nothing in the guest brings it online).
    /// </summary>
    NeverOnlines,

    /// <summary>
    /// Accepts no more than <see cref="SimulatedGuest.Limit"/>: the device shows the size for a moment and falls back, the guest's
    /// MemTotal never follows, and its driver gives up until it is asked again or until <see cref="SimulatedGuest.RetriesAfter"/> has
    /// passed.
    /// </summary>
    RefusesAbove,

    /// <summary>Takes memory back out of the balloon without being asked, like deflate-on-oom, until it is asked again.</summary>
    GrowsByItself,

    /// <summary>
    /// Misses every other command, by chance, and its driver then does nothing; when it is asked for the same again, it may hear.
    /// </summary>
    Forgets,

    /// <summary>Its agent reports nonsense: all of its memory available, or none, and counters from the whole range of a number.</summary>
    LiesAboutUse,

    /// <summary>Its balloon reports the size that it was asked for without having it: that size is the guest's own word.</summary>
    LiesAboutBalloon,

    /// <summary>Sends its samples and its sizes many times over.</summary>
    Floods,
}
