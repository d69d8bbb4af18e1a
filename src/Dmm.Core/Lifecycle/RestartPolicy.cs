namespace Dmm.Core.Lifecycle;

/// <summary>
/// Whether a VM that has ended is created anew. A VM with another policy than <see cref="Never"/> is remembered until an operator lets it
/// be forgotten.
/// </summary>
public enum RestartPolicy
{
    /// <summary>Its end is its end: it is forgotten.</summary>
    Never,

    /// <summary>When it failed, and when its host restarted; not when its guest powered down.</summary>
    OnFailure,

    /// <summary>However it ended, unless an operator stopped it.</summary>
    Always,
}

/// <summary>What shows that a VM has booted.</summary>
public enum BootCheck
{
    /// <summary>
    /// A word from its guest: from the agent, or from the balloon. That there was none by the boot deadline is said, and the VM runs on.
    /// </summary>
    Heard,

    /// <summary>Nothing: for guests that can't speak. At the boot deadline it counts as up.</summary>
    None,

    /// <summary>A word from its guest. A VM that has never booted and is not heard of by the boot deadline is ended.</summary>
    Strict,
}
