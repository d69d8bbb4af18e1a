using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Hypervisors.Tests.Qemu;

namespace Dmm.Hypervisors.Tests.Simulation;

public sealed class SimulatedHypervisorTests
{
    [Fact]
    public async Task A_call_that_comes_after_its_vm_was_killed_does_not_let_it_run_again()
    {
        using var folder = new TestFolder();
        var settings = new SimulationSettings { Directory = folder.Path, BootTime = TimeSpan.Zero };
        await using var hypervisor = new SimulatedHypervisor(settings, TimeProvider.System);
        var spec = new VmSpec
        {
            Id = VmId.Parse("vm"),
            Policy = new(MemorySize.FromMiB(64), MemorySize.FromMiB(512)),
            Boot = MemorySize.FromMiB(256),
        };
        var handle = await hypervisor.LaunchAsync(spec, default);
        await using var vm = await hypervisor.ConnectAsync(handle, _ => { }, default);

        hypervisor.Kill(spec.Id);
        await vm.SetPluggedAsync(MemorySize.FromMiB(128), default);
        Assert.Null(await hypervisor.FindAsync(spec, default));
        Assert.Empty(hypervisor.Running());

        var again = await hypervisor.LaunchAsync(spec, default);
        Assert.False(again.SameProcess(handle));
        await vm.SetPluggedAsync(MemorySize.FromMiB(256), default);
        // The next daemon knows only what was written to the folder.
        await using var next = new SimulatedHypervisor(settings, TimeProvider.System);
        Assert.True((await next.FindAsync(spec, default))!.SameProcess(again));
    }
}
