using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Tests;

/// <summary>A hypervisor whose VMs have control groups of their own; it writes down what is asked of each VM, in that order.</summary>
internal sealed class GroupingHypervisor(IHypervisor inner) : PassingHypervisor(inner)
{
    private readonly Lock _lock = new();
    private readonly List<object> _asked = [];

    /// <summary>Bounds are set when this is done; a fault of it is theirs.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Bounds that were set, and sizes of which a device was told.</summary>
    public object[] Asked
    {
        get
        {
            lock (_lock)
                return [.. _asked];
        }
    }

    protected override IVirtualMachine Of(VmId id, IVirtualMachine vm) => new Vm(this, vm);

    private void Note(object what)
    {
        lock (_lock)
            _asked.Add(what);
    }

    private sealed class Vm(GroupingHypervisor all, IVirtualMachine inner) : PassingVm(inner)
    {
        public override VmCapabilities Capabilities => base.Capabilities with { Group = "/dmm/vm" };

        public override async Task BoundAsync(VmBounds bounds, CancellationToken cancellation)
        {
            await all.Gate;
            all.Note(bounds);
        }

        public override Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation)
        {
            all.Note(plugged);
            return base.SetPluggedAsync(plugged, cancellation);
        }
    }
}
