using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Tests;

/// <summary>A hypervisor whose driver throws where it is told to.</summary>
internal sealed class FaultyHypervisor(IHypervisor inner) : IHypervisor
{
    public VmId? FailNextCallOf { get; set; }

    public int Faults { get; private set; }

    public string Name => inner.Name;

    public string? Fault(VmSpec spec) => inner.Fault(spec);

    public MemorySize ExpectedOverhead(VmSpec spec) => inner.ExpectedOverhead(spec);

    public Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation) => inner.LaunchAsync(spec, cancellation);

    public Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation) => inner.FindAsync(spec, cancellation);

    public Task<VmHandle> InspectAsync(VmId id, string socket, CancellationToken cancellation) => inner.InspectAsync(id, socket, cancellation);

    public async Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation) =>
        new Vm(this, handle.Id, await inner.ConnectAsync(handle, observe, cancellation));

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private void MayFail(VmId id)
    {
        if (FailNextCallOf != id)
            return;
        FailNextCallOf = null;
        Faults++;
        throw new InvalidOperationException("the driver has a bug");
    }

    private sealed class Vm(FaultyHypervisor owner, VmId id, IVirtualMachine inner) : IVirtualMachine
    {
        public VmCapabilities Capabilities => inner.Capabilities;

        public Task<VmSizes> ReadSizesAsync(CancellationToken cancellation) => inner.ReadSizesAsync(cancellation);

        public async Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation)
        {
            owner.MayFail(id);
            await inner.SetBalloonedAsync(ballooned, cancellation);
        }

        public async Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation)
        {
            owner.MayFail(id);
            await inner.SetPluggedAsync(plugged, cancellation);
        }

        public Task<MemorySize?> MeasureOverheadAsync(CancellationToken cancellation) => inner.MeasureOverheadAsync(cancellation);

        public Task StopAsync(TimeSpan grace, CancellationToken cancellation) => inner.StopAsync(grace, cancellation);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
