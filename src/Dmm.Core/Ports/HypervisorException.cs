using Dmm.Core.Lifecycle;

namespace Dmm.Core.Ports;

/// <summary>A hypervisor refused or failed.</summary>
public class HypervisorException : Exception
{
    public HypervisorException()
    {
    }

    public HypervisorException(string message)
        : base(message)
    {
    }

    public HypervisorException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>The VM does not run, or no longer runs.</summary>
public sealed class VmGoneException : HypervisorException
{
    public VmGoneException()
    {
    }

    public VmGoneException(string message)
        : base(message)
    {
    }

    public VmGoneException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>How the VM ended, as far as its remains tell.</summary>
    public EndCause Cause { get; init; }
}

/// <summary>A VM that should be gone has a process that can't be ended, so its memory is not back.</summary>
public sealed class VmLingersException : HypervisorException
{
    public VmLingersException()
    {
    }

    public VmLingersException(string message)
        : base(message)
    {
    }

    public VmLingersException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
