using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>Messages between the host's actor and the host's monitor.</summary>
public static class HostMonitorProtocol
{
    /// <summary>To the monitor: these VMs run here now.</summary>
    public sealed record Watch(ImmutableArray<VmHandle> Vms);

    /// <summary>To the host: the result of a look at the host.</summary>
    /// <param name="Vms">The VMs that were looked for.</param>
    public sealed record Saw(HostReading Sight, ImmutableArray<VmHandle> Vms) : IHostCommand;

    /// <summary>To the host: its memory can't be read; the last reading stands.</summary>
    public sealed record Blind(string Why) : IHostCommand;
}
