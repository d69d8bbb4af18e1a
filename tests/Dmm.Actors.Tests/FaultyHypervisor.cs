using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Tests;

/// <summary>A hypervisor whose driver throws when a test demands it.</summary>
internal sealed class FaultyHypervisor(IHypervisor inner) : PassingHypervisor(inner)
{
    public VmId? FailNextCallOf { get; set; }

    /// <summary>The result of that call, instead of throwing at once.</summary>
    public Task? Instead { get; set; }

    public int Faults { get; private set; }

    /// <summary>The process of this VM can't be ended, neither by its launch nor later.</summary>
    public VmId? Lingers { get; set; }

    /// <summary>The action of a rescue, in place of the real one, before it is reported as refused.</summary>
    public Action<VmId>? RefusedRescue { get; set; }

    /// <summary>Called when a VM's hotplug was told a size.</summary>
    public Action<VmId>? Plugged { get; set; }

    /// <summary>The number of connections that were made to VMs.</summary>
    public int Connections { get; private set; }

    public override Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation)
    {
        Connections++;
        return base.ConnectAsync(handle, observe, cancellation);
    }

    public override Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation)
    {
        MayLinger(spec.Id);
        return base.LaunchAsync(spec, cancellation);
    }

    public override Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation)
    {
        MayLinger(spec.Id);
        return base.FindAsync(spec, cancellation);
    }

    protected override IVirtualMachine Of(VmId id, IVirtualMachine vm) => new Vm(this, id, vm);

    private void MayLinger(VmId id)
    {
        if (Lingers != id)
            return;
        Faults++;
        throw new VmLingersException($"process 4711 of VM '{id}' was killed and is still there");
    }

    private Task MayFailAsync(VmId id)
    {
        if (FailNextCallOf != id)
            return Task.CompletedTask;
        FailNextCallOf = null;
        Faults++;
        return Instead ?? throw new InvalidOperationException("the driver has a bug");
    }

    private sealed class Vm(FaultyHypervisor owner, VmId id, IVirtualMachine inner) : PassingVm(inner)
    {
        public override async Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation)
        {
            await owner.MayFailAsync(id);
            await base.SetBalloonedAsync(ballooned, cancellation);
        }

        public override async Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation)
        {
            await owner.MayFailAsync(id);
            await base.SetPluggedAsync(plugged, cancellation);
            owner.Plugged?.Invoke(id);
        }

        public override Task RescueAsync(CancellationToken cancellation)
        {
            if (owner.RefusedRescue is not { } rescue)
                return base.RescueAsync(cancellation);
            owner.Faults++;
            rescue(id);
            throw new HypervisorException("it is said to be refused");
        }

        public override Task EndAsync(CancellationToken cancellation)
        {
            owner.MayLinger(id);
            return base.EndAsync(cancellation);
        }
    }
}
