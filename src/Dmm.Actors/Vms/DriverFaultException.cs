namespace Dmm.Actors.Vms;

/// <summary>A driver failed in an unexpected way: the VM's actor starts anew; the VM runs on.</summary>
public sealed class DriverFaultException : Exception
{
    public DriverFaultException()
    {
    }

    public DriverFaultException(string message)
        : base(message)
    {
    }

    public DriverFaultException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
