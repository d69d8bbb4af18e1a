using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>What the host's actor and its eye tell each other.</summary>
public static class HostMonitorProtocol
{
    /// <summary>To the eye: these VMs run here now.</summary>
    public sealed record Watch(ImmutableArray<VmHandle> Vms);

    /// <summary>To the host: this is what there is.</summary>
    /// <param name="Vms">That were looked for.</param>
    public sealed record Saw(HostReading Sight, ImmutableArray<VmHandle> Vms) : IHostCommand;

    /// <summary>To the host: nothing can be seen; what was seen last stands.</summary>
    public sealed record Blind(string Why) : IHostCommand;
}
