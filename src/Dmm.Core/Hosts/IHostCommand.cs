namespace Dmm.Core.Hosts;

/// <summary>
/// What can be said to the host's machine: by operators (<see cref="HostProtocol"/>), by the VMs (<see cref="VmProtocol"/>), by the
/// predictor, by whoever looks at the host itself, and by the host's actor (<see cref="HostCommand"/>).
/// </summary>
public interface IHostCommand;

/// <summary>What the host's actor tells its machine by itself.</summary>
public static class HostCommand
{
    /// <summary>The journal was read to its end: the machine takes up what it promised.</summary>
    /// <param name="BootId">The boot of this host; null where that can't be told.</param>
    public sealed record TakeUp(string? BootId) : IHostCommand;

    /// <summary>A period of planning is over, by the host's own clock.</summary>
    public sealed record Beat : IHostCommand;

    /// <summary>An earlier decision asked for a plan (<see cref="HostEffect.PlanSoon"/>).</summary>
    public sealed record Plan : IHostCommand;

    /// <summary>The time that <see cref="HostEffect.WakeForReturns"/> asked for has come.</summary>
    public sealed record ReturnsDue : IHostCommand;
}
