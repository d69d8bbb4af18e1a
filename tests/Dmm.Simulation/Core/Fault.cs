using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Core;

/// <summary>What can befall a host. Names in lower case with dashes are those of <c>--without</c>.</summary>
internal enum Fault
{
    // A guest's temper changes.
    Slow,
    Stubborn,
    StopsHalfway,
    StopsAtFloor,
    KeepsSome,
    IgnoresPlug,
    RefusesAbove,
    GrowsByItself,
    Forgets,
    LiesAboutUse,
    LiesAboutBalloon,
    Floods,

    /// <summary>A VM's process ends.</summary>
    Dies,

    /// <summary>A guest powers down, and its process ends with it.</summary>
    PowersDown,

    /// <summary>The host restarts, and the daemon with it: no VM runs any more.</summary>
    HostRestarts,

    /// <summary>Somebody stops a guest, and lets it go on later.</summary>
    Pauses,

    /// <summary>A guest is handed over to another process; what is left of it ends, or the migration is given up.</summary>
    Migrates,

    /// <summary>A guest starts anew in its process.</summary>
    ComesBack,

    /// <summary>Somebody sets a VM's devices past DMM.</summary>
    OperatorsHand,

    /// <summary>The control connection breaks; the VM runs on.</summary>
    ConnectionLost,

    /// <summary>
    /// A call to the driver fails, carried out or not: its connection is of no use any more, or the VM's actor starts anew.
    /// </summary>
    CallFails,

    /// <summary>A call to the driver takes up to a second.</summary>
    CallLate,

    /// <summary>The hypervisor has no slot left for a further device or a rescue DIMM; now and then it would not resize at all.</summary>
    AdditionRefused,

    /// <summary>A launch fails.</summary>
    LaunchFails,

    /// <summary>What a driver saw comes up to half a second late.</summary>
    ObservationLate,

    /// <summary>A change of sizes is not told until the next look.</summary>
    ObservationLost,

    /// <summary>A fact is told twice.</summary>
    ObservationTwice,

    /// <summary>A message between actors waits up to half a second.</summary>
    MessageLate,

    /// <summary>The journal takes a second for a write.</summary>
    JournalSlow,

    /// <summary>The daemon dies at any moment.</summary>
    Crash,

    /// <summary>The daemon dies before what it decided is in the journal.</summary>
    CrashBeforeWrite,

    /// <summary>The daemon dies when it is in the journal, and nothing has been done about it.</summary>
    CrashAfterWrite,

    /// <summary>The daemon dies when the hypervisor has carried out a call, and nobody has heard of it.</summary>
    CrashAfterCall,

    /// <summary>
    /// The journal fails, with what it was to write written or not: the host's actor starts anew, alone. The VMs' actors live on.
    /// </summary>
    HostFails,

    /// <summary>A VM costs more beside its memory than was expected.</summary>
    CostsMore,

    /// <summary>The host has less memory, while a daemon lives or when one starts anew.</summary>
    HostShrinks,

    /// <summary>A VM's process keeps what its guest gives, all of it or a part, for a while.</summary>
    KeepsMemory,

    /// <summary>A VM's process can't be looked at for a moment.</summary>
    ProcessHidden,

    /// <summary>The host's time of day is set, by seconds to a day, forward or back, whether a daemon lives or not.</summary>
    ClockSteps,
}

internal static class Faults
{
    private static readonly Fault[] All = Enum.GetValues<Fault>();

    private static readonly string[] Names = [.. All.Select(fault => string.Concat(
        fault.ToString()
            .Select((letter, i) => char.IsUpper(letter) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(letter) : letter.ToString())))];

    public static string NameOf(Fault fault) => Names[(int)fault];

    public static IReadOnlyList<string> AllNames => Names;

    /// <summary>The faults of guests' tempers.</summary>
    public static GuestTemper? TemperOf(Fault fault) =>
        fault <= Fault.Floods ? Enum.Parse<GuestTemper>(fault.ToString()) : null;

    public static IEnumerable<Fault> Without(IReadOnlySet<string> names) => All.Where(fault => !names.Contains(NameOf(fault)));
}
