using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Guest;

/// <summary>One line of a guest's agent, read and bounded.</summary>
public abstract record GuestMessage
{
    private GuestMessage()
    {
    }

    public sealed record Hello(GuestHello Value) : GuestMessage;

    public sealed record Sample(GuestSample Value) : GuestMessage;

    /// <summary>A type that this release does not know; a newer agent may send it.</summary>
    public sealed record Unknown(string Type) : GuestMessage;

    /// <summary>No line of the protocol.</summary>
    public sealed record Refused(string Why) : GuestMessage;
}
