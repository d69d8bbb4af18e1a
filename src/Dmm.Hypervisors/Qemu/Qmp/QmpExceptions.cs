using Dmm.Core.Ports;

namespace Dmm.Hypervisors.Qemu.Qmp;

/// <summary>QEMU refused a command; the message is QEMU's own words.</summary>
public sealed class QmpRefusedException : HypervisorException
{
    public QmpRefusedException(string command, string errorClass, string description)
        : base($"QEMU refused {command}: {description}")
    {
        Command = command;
        ErrorClass = errorClass;
        Description = description;
    }

    public string Command { get; }

    /// <summary>QEMU's error class, such as <c>GenericError</c>, <c>CommandNotFound</c> or <c>DeviceNotActive</c>.</summary>
    public string ErrorClass { get; }

    public string Description { get; }
}

/// <summary>Nothing could be reached at the socket, or what answers there does not speak QMP.</summary>
public sealed class QmpUnreachableException : HypervisorException
{
    /// <param name="retry">Whether the same attempt may succeed a little later (nobody listens yet, or the listener is busy).</param>
    public QmpUnreachableException(string message, bool retry, Exception? inner = null)
        : base(message, inner!) => Retry = retry;

    public bool Retry { get; }
}

/// <summary>The connection ended before the answer came.</summary>
public sealed class QmpClosedException(string message) : HypervisorException(message);

/// <summary>QEMU took longer than the call's deadline; whether it carried the command out is not known.</summary>
public sealed class QmpTimeoutException(string message) : HypervisorException(message);
