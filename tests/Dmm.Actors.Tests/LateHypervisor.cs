using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Tests;

/// <summary>
/// A hypervisor that connects late, whether anybody still waits for it or not, and counts the connections that are still open.
/// </summary>
internal sealed class LateHypervisor(IHypervisor inner) : PassingHypervisor(inner)
{
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _waiting;
    private int _made;
    private int _open;

    /// <summary>The numbers of connections that were requested, that were made, and that are still open.</summary>
    public (int Waiting, int Made, int Open) Connections =>
        (Volatile.Read(ref _waiting), Volatile.Read(ref _made), Volatile.Read(ref _open));

    public void Connect() => _gate.SetResult();

    public override async Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _waiting);
        await _gate.Task;
        return await base.ConnectAsync(handle, observe, CancellationToken.None);
    }

    protected override IVirtualMachine Of(VmId id, IVirtualMachine vm)
    {
        Interlocked.Increment(ref _open);
        Interlocked.Increment(ref _made);
        return new Vm(this, vm);
    }

    private sealed class Vm(LateHypervisor owner, IVirtualMachine inner) : PassingVm(inner)
    {
        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            Interlocked.Decrement(ref owner._open);
        }
    }
}
