namespace Dmm.Core.Lifecycle;

/// <summary>How a VM came to its end: what its restart policy asks.</summary>
public enum EndCause
{
    /// <summary>Its process failed or was killed, or is gone and nobody knows why.</summary>
    Failed,

    /// <summary>Its guest powered it down, or a person told its hypervisor to quit: it was meant.</summary>
    PoweredDown,

    /// <summary>An operator asked DMM to stop it, however it went in the end.</summary>
    Stopped,

    /// <summary>
    /// It ended in its first life before its guest was heard of, or was ended because its guest was not heard of in time.
    /// </summary>
    NeverBooted,

    /// <summary>Its host has restarted: no process of before can live.</summary>
    HostRestarted,

    /// <summary>Its guest was handed over to another process before, where it runs on: it is never created here again by itself.</summary>
    MigratedAway,
}
