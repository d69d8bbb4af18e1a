using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Worlds;

/// <summary>
/// The faults of a host, at both depths (<see cref="Faults.Of"/>). Their names in lower case with dashes are those of <c>--without</c>.
/// </summary>
internal enum Fault
{
    // These change a guest's temper.
    Slow,
    Stubborn,
    StopsHalfway,
    StopsAtFloor,
    KeepsSome,
    IgnoresPlug,
    NeverOnlines,
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

    /// <summary>The host restarts, and the daemon with it: no VM survives.</summary>
    HostRestarts,

    /// <summary>Somebody pauses a guest, and resumes it later.</summary>
    Pauses,

    /// <summary>A guest is migrated to another process; what is left of it ends, or the migration is given up.</summary>
    Migrates,

    /// <summary>A guest reboots in its process.</summary>
    ComesBack,

    /// <summary>Somebody sets a VM's devices without DMM.</summary>
    OperatorsHand,

    /// <summary>The control connection breaks; the VM runs on.</summary>
    ConnectionLost,

    /// <summary>
    /// A call to the driver fails, carried out or not: its connection can't be used any more, or the VM's actor starts anew. At the depth
    /// of the actors it may also never be answered.
    /// </summary>
    CallFails,

    /// <summary>A call to the driver takes up to a second.</summary>
    CallLate,

    /// <summary>The hypervisor has no slot left for a further device or a rescue DIMM; now and then it refuses to resize at all.</summary>
    AdditionRefused,

    /// <summary>A launch fails.</summary>
    LaunchFails,

    /// <summary>A driver's observation comes up to half a second late.</summary>
    ObservationLate,

    /// <summary>A change of sizes is not reported until the next look.</summary>
    ObservationLost,

    /// <summary>A fact is reported twice.</summary>
    ObservationTwice,

    /// <summary>A message between actors is delayed by up to half a second.</summary>
    MessageLate,

    /// <summary>A write to the journal takes a second.</summary>
    JournalSlow,

    /// <summary>The daemon dies at any moment.</summary>
    Crash,

    /// <summary>The daemon dies before its decision is in the journal.</summary>
    CrashBeforeWrite,

    /// <summary>The daemon dies when its decision is in the journal, but before it acts on it.</summary>
    CrashAfterWrite,

    /// <summary>The daemon dies when the hypervisor has carried out a call, and nobody has heard of it.</summary>
    CrashAfterCall,

    /// <summary>
    /// The journal fails, and its last write may have been done or not: the host's actor starts anew, alone. The VMs' actors live on.
    /// </summary>
    HostFails,

    /// <summary>A VM's overhead is larger than expected.</summary>
    CostsMore,

    /// <summary>
    /// The host has less memory, while a daemon lives or when one starts anew; other programs take it at the depth of the actors.
    /// </summary>
    HostShrinks,

    /// <summary>A VM's process keeps what its guest gives, all of it or a part, for a while.</summary>
    KeepsMemory,

    /// <summary>A VM's process can't be looked at for a moment.</summary>
    ProcessHidden,

    /// <summary>
    /// The store of what models have learnt is lost, damaged, old, or can't be read or written: VMs are learnt anew.
    /// </summary>
    ModelsFail,

    /// <summary>
    /// A guest takes pages back that it gave, by touching them: its balloon's, or those of an unplugged block. QEMU does not stop it. Its
    /// process holds more than its VM has, for a while.
    /// </summary>
    TakesBack,

    /// <summary>What a guest said just before a reset arrives just after it.</summary>
    Echoes,

    /// <summary>
    /// A guest says as much as its channel lets through, with a cry for help each time, or operators send dozens of orders at one moment.
    /// </summary>
    Bursts,

    /// <summary>
    /// Somebody sets a limit on the control group of a VM's process, or on that of the daemon and all its VMs, lowers it and lifts it.
    /// </summary>
    GroupLimits,

    /// <summary>Other programs take memory of the host, and give it back.</summary>
    OthersTake,

    /// <summary>
    /// The host merges equal pages of VMs (KSM): they count in each process, and are there once. Other programs take what that saves.
    /// </summary>
    Merges,

    /// <summary>The host's time of day is set forward or back, by seconds to a day, whether a daemon lives or not.</summary>
    ClockSteps,

    // Only the simulation of the actors has the following.

    /// <summary>A guest does not power down when it is asked to.</summary>
    IgnoresPowerDown,

    /// <summary>A guest reports nothing, in its first life or a later one.</summary>
    Silent,

    /// <summary>A VM's hypervisor does not answer for up to a minute.</summary>
    Unreachable,

    /// <summary>A VM's process can never be looked at.</summary>
    ProcessUnknown,

    /// <summary>The host can't be read for a moment.</summary>
    HostUnseen,

    /// <summary>A write to the journal fails, and nothing was written.</summary>
    JournalWrite,

    /// <summary>A write to the journal fails, although it was written.</summary>
    JournalUnsure,

    /// <summary>The journal can't be read.</summary>
    JournalRead,

    /// <summary>A snapshot can't be loaded.</summary>
    JournalLoad,

    /// <summary>A snapshot can't be saved.</summary>
    JournalSave,

    /// <summary>A journal that failed can't be mended yet.</summary>
    JournalMend,

    /// <summary>The daemon dies just before a call to the driver.</summary>
    CrashBeforeCall,
}

internal static class Faults
{
    private static readonly Fault[] All = Enum.GetValues<Fault>();

    private static readonly string[] Names = [.. All.Select(fault => string.Concat(
        fault.ToString()
            .Select((letter, i) => char.IsUpper(letter) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(letter) : letter.ToString())))];

    /// <summary>Only the simulation of the core has these.</summary>
    private static readonly Fault[] CoreOnly =
    [
        Fault.OperatorsHand, Fault.CallLate, Fault.AdditionRefused, Fault.LaunchFails, Fault.ObservationLate, Fault.ObservationLost,
        Fault.ObservationTwice, Fault.MessageLate, Fault.HostFails, Fault.CostsMore, Fault.OthersTake, Fault.Merges, Fault.Bursts,
    ];

    public static string NameOf(Fault fault) => Names[(int)fault];

    /// <summary>The faults that the simulation of this depth has.</summary>
    public static IEnumerable<Fault> Of(SimulationDepth depth) =>
        depth == SimulationDepth.Core ? All.Where(fault => fault <= Fault.ClockSteps) : All.Except(CoreOnly);

    public static IReadOnlyList<string> NamesOf(SimulationDepth depth) => [.. Of(depth).Select(NameOf)];

    /// <summary>The faults that may occur, by their number.</summary>
    /// <param name="without">The names of those that are left out.</param>
    public static bool[] Allowed(IReadOnlySet<string> without) => [.. All.Select(fault => !without.Contains(NameOf(fault)))];

    /// <summary>The guest's temper that a fault stands for; null for any other fault.</summary>
    public static GuestTemper? TemperOf(Fault fault) =>
        fault <= Fault.Floods ? Enum.Parse<GuestTemper>(fault.ToString()) : null;

    /// <summary>The fault that stands for a guest's temper; null if the guest is ideal.</summary>
    public static Fault? FaultOf(GuestTemper temper) =>
        temper == GuestTemper.Ideal ? null : Enum.Parse<Fault>(temper.ToString());
}
