namespace Dmm.Core.Hosts;

/// <summary>
/// A command to the host's machine: from operators (<see cref="HostProtocol"/>), from the VMs (<see cref="VmProtocol"/>), from the
/// predictor, from the host's monitor, or from the host's actor (<see cref="HostCommand"/>).
/// </summary>
public interface IHostCommand;

/// <summary>Commands that the host's actor sends to its machine by itself.</summary>
public static class HostCommand
{
    /// <summary>The journal was read to its end: the machine takes over its promises.</summary>
    /// <param name="BootId">The boot of this host; null where that can't be told.</param>
    public sealed record TakeUp(string? BootId) : IHostCommand;

    /// <summary>A period of planning is over, by the host's own clock.</summary>
    public sealed record Beat : IHostCommand;

    /// <summary>An earlier decision asked for a plan (<see cref="HostEffect.PlanSoon"/>).</summary>
    public sealed record Plan : IHostCommand;

    /// <summary>The time set by <see cref="HostEffect.WakeForReturns"/> has come.</summary>
    public sealed record ReturnsDue : IHostCommand;
}
