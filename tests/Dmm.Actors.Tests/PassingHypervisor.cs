using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Tests;

/// <summary>A hypervisor that passes every call on; a subclass overrides what is to differ.</summary>
internal abstract class PassingHypervisor(IHypervisor inner) : IHypervisor
{
    public string Name => inner.Name;

    public string? Fault(VmSpec spec) => inner.Fault(spec);

    public MemorySize ExpectedOverhead(VmSpec spec) => inner.ExpectedOverhead(spec);

    public MemorySize ImageNeeds(VmSpec spec) => inner.ImageNeeds(spec);

    public virtual Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation) => inner.LaunchAsync(spec, cancellation);

    public virtual Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation) => inner.FindAsync(spec, cancellation);

    public Task<VmHandle> InspectAsync(VmId id, string socket, CancellationToken cancellation) =>
        inner.InspectAsync(id, socket, cancellation);

    public virtual async Task<IVirtualMachine> ConnectAsync(
        VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation) =>
        Of(handle.Id, await inner.ConnectAsync(handle, observe, cancellation));

    public virtual Task EndProcessAsync(VmHandle handle, CancellationToken cancellation) => inner.EndProcessAsync(handle, cancellation);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    protected abstract IVirtualMachine Of(VmId id, IVirtualMachine vm);

    protected class PassingVm(IVirtualMachine inner) : IVirtualMachine
    {
        public virtual VmCapabilities Capabilities => inner.Capabilities;

        public virtual VmHandle? Identity => inner.Identity;

        public virtual string? Doubt => inner.Doubt;

        public Task<VmSizes> ReadSizesAsync(CancellationToken cancellation) => inner.ReadSizesAsync(cancellation);

        public virtual Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation) =>
            inner.SetBalloonedAsync(ballooned, cancellation);

        public virtual Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation) =>
            inner.SetPluggedAsync(plugged, cancellation);

        public Task ExtendAsync(MemorySize pluggableMax, CancellationToken cancellation) => inner.ExtendAsync(pluggableMax, cancellation);

        public virtual Task RescueAsync(CancellationToken cancellation) => inner.RescueAsync(cancellation);

        public virtual Task<HostCost?> MeasureAsync(CancellationToken cancellation) => inner.MeasureAsync(cancellation);

        public virtual Task BoundAsync(VmBounds bounds, CancellationToken cancellation) => inner.BoundAsync(bounds, cancellation);

        public Task PowerDownAsync(CancellationToken cancellation) => inner.PowerDownAsync(cancellation);

        public virtual Task EndAsync(CancellationToken cancellation) => inner.EndAsync(cancellation);

        public virtual ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
