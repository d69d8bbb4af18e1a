namespace Dmm.Core.Vms;

/// <summary>
/// Whether a VM's guest runs, as its hypervisor says. While it does not, nothing can be asked of it, and no time counts against it.
/// </summary>
public enum VmRunState
{
    Running,

    /// <summary>
    /// Stopped for the time being: by a person, a debugger, a fault of its disk, a snapshot that is being taken, or asleep by its own
    /// wish. It goes on where it was.
    /// </summary>
    Paused,

    /// <summary>
    /// Its guest has come to its end, and its process was told to stay: it has powered down or panicked, or its machine is broken.
    /// </summary>
    Halted,

    /// <summary>It waits for its guest to come from elsewhere: what its devices show means nothing yet.</summary>
    MigratingIn,

    /// <summary>Its guest is being handed over, and may run elsewhere already.</summary>
    MigratingOut,

    /// <summary>Its guest was handed over: it runs elsewhere, or lies in a file.</summary>
    MigratedAway,
}

public static class VmRunStates
{
    /// <summary>
    /// Its guest may run, or come to run, in another process: to create it here again would be to have it twice, on one disk.
    /// </summary>
    public static bool MayRunElsewhere(this VmRunState state) => state is VmRunState.MigratingOut or VmRunState.MigratedAway;
}
