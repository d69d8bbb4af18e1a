namespace Dmm.Core.Vms;

/// <summary>
/// Whether a VM's guest runs, as its hypervisor says. While it does not run, nothing can be asked of it, and no time counts against it.
/// </summary>
public enum VmRunState
{
    Running,

    /// <summary>
    /// The guest is stopped for a time: by a person, a debugger, a disk fault or a snapshot that is being taken; or it sleeps by its own
    /// wish. It will go on where it was.
    /// </summary>
    Paused,

    /// <summary>
    /// The guest has ended, and its process was told to stay: the guest has powered down, or its machine is broken.
    /// </summary>
    Halted,

    /// <summary>The guest's kernel has panicked, and its process was told to stay, so that somebody can look at it.</summary>
    Panicked,

    /// <summary>The process waits for its guest to be migrated in: the values of its devices mean nothing yet.</summary>
    MigratingIn,

    /// <summary>The guest is being migrated out, and may already run elsewhere.</summary>
    MigratingOut,

    /// <summary>The guest was migrated out: it runs elsewhere, or is stored in a file.</summary>
    MigratedAway,
}

public static class VmRunStates
{
    /// <summary>
    /// Whether the guest may run, or come to run, in another process: creating it here again would make it run twice, on one disk.
    /// </summary>
    public static bool MayRunElsewhere(this VmRunState state) => state is VmRunState.MigratingOut or VmRunState.MigratedAway;
}
