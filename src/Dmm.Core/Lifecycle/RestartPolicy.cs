namespace Dmm.Core.Lifecycle;

/// <summary>
/// Whether a VM that has ended is created again. A VM with a policy other than <see cref="Never"/> is remembered until an operator tells
/// DMM to forget it.
/// </summary>
public enum RestartPolicy
{
    /// <summary>It is not created again: it is forgotten.</summary>
    Never,

    /// <summary>Created again when it failed and when its host restarted; not when its guest powered down.</summary>
    OnFailure,

    /// <summary>Created again however it ended, unless an operator stopped it.</summary>
    Always,
}

/// <summary>The sign by which DMM knows that a VM has booted.</summary>
public enum BootCheck
{
    /// <summary>
    /// A word from its guest: from the agent, or from the balloon. If there was none by the boot deadline, operators are told, and the VM
    /// runs on.
    /// </summary>
    Heard,

    /// <summary>Nothing: for guests that can't speak. At the boot deadline it counts as up.</summary>
    None,

    /// <summary>A word from its guest. A VM that has never booted and is not heard from by the boot deadline is ended.</summary>
    Strict,
}
