namespace Dmm.Core.Lifecycle;

/// <summary>How a VM ended. Its restart policy depends on this.</summary>
public enum EndCause
{
    /// <summary>Its process failed or was killed, or is gone and nobody knows why.</summary>
    Failed,

    /// <summary>Its guest powered it down, or a person told its hypervisor to quit: the end was intended.</summary>
    PoweredDown,

    /// <summary>An operator asked DMM to stop it, however it ended then.</summary>
    Stopped,

    /// <summary>
    /// It ended in its first run before its guest was heard from, or was ended because its guest was not heard from in time.
    /// </summary>
    NeverBooted,

    /// <summary>Its host has restarted: no process from before can still exist.</summary>
    HostRestarted,

    /// <summary>Its guest was migrated to another process before, and runs on there: DMM never creates it here again by itself.</summary>
    MigratedAway,

    /// <summary>A drain of its host asked it to power down, however it ended then. It returns when the drain ends.</summary>
    Drained,
}
