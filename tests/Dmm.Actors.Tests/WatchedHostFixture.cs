using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Simulation;
using Xunit.Abstractions;

namespace Dmm.Actors.Tests;

/// <summary>A host that monitors the machine on which it runs.</summary>
public abstract class WatchedHostFixture(ITestOutputHelper output) : HostFixture(output)
{
    protected SimulatedHostMonitor World { get; private set; } = null!;

    /// <param name="group">
    /// The limit of the control group of all VMs. It is set before the daemon starts: a limit that is set later would be seen only at the
    /// next look.
    /// </param>
    protected void StartWatched(
        long memory, long reserve = 100, long cushion = 0, long cushionMax = 0, IHypervisor? hypervisor = null, MemorySize? group = null)
    {
        World = new(Hypervisor, MiB(memory)) { GroupLimit = group };
        StartHost(
            new() { Memory = MiB(memory), Reserve = MiB(reserve), Cushion = MiB(cushion), CushionMax = MiB(cushionMax), Margin = MiB(100) },
            World, hypervisor);
    }

    protected void RestartWatched()
    {
        KillHost();
        StartHost(new() { Memory = World.Total, Reserve = MiB(100), Margin = MiB(100) }, World);
    }

    protected void Tell(object command)
    {
        Host.Tell(command, TestActor);
        ExpectMsg<HostProtocol.Done>();
    }
}
