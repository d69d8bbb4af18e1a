using Dmm.Core;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Guest;

/// <summary>One line of a guest's agent, read and limited to possible values.</summary>
public abstract record GuestMessage
{
    private GuestMessage()
    {
    }

    /// <param name="LowMemory">Base of the agent's low threshold, as it was last told; null from agents that do not report it.</param>
    public sealed record Hello(GuestHello Value, MemorySize? LowMemory = null) : GuestMessage;

    public sealed record Sample(GuestSample Value) : GuestMessage;

    /// <summary>A message type that this release does not know; a newer agent may send it.</summary>
    public sealed record Unknown(string Type) : GuestMessage;

    /// <summary>A line that does not follow the protocol.</summary>
    public sealed record Refused(string Why) : GuestMessage;
}
