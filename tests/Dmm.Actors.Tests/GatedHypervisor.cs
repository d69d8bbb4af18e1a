using Dmm.Core;
using Dmm.Core.Ports;

namespace Dmm.Actors.Tests;

/// <summary>A hypervisor whose plug calls wait at a gate: before they have their effect, or after it and before they return.</summary>
internal sealed class GatedHypervisor(IHypervisor inner) : PassingHypervisor(inner)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _before;
    private TaskCompletionSource? _after;

    /// <summary>The number of calls that have reached the gate, and of those that have had their effect.</summary>
    public (int Come, int Done) Calls { get; private set; }

    /// <summary>From now on calls wait before their effect, and after <see cref="LetThrough"/> once more after it.</summary>
    public void Close()
    {
        lock (_lock)
            (_before, _after, Calls) = (New(), New(), default);
    }

    /// <summary>Lets the calls have their effect; they then wait before they return.</summary>
    public void LetThrough() => _before!.SetResult();

    public void LetReturn()
    {
        TaskCompletionSource after;
        lock (_lock)
        {
            after = _after!;
            (_before, _after) = (null, null);
        }

        after.SetResult();
    }

    protected override IVirtualMachine Of(VmId id, IVirtualMachine vm) => new Vm(this, vm);

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task ThroughTheGateAsync(Func<Task> call)
    {
        Task before, after;
        lock (_lock)
        {
            (before, after) = (_before?.Task ?? Task.CompletedTask, _after?.Task ?? Task.CompletedTask);
            Calls = (Calls.Come + 1, Calls.Done);
        }

        await before;
        await call();
        lock (_lock)
            Calls = (Calls.Come, Calls.Done + 1);
        await after;
    }

    private sealed class Vm(GatedHypervisor gate, IVirtualMachine inner) : PassingVm(inner)
    {
        public override Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation) =>
            gate.ThroughTheGateAsync(() => base.SetPluggedAsync(plugged, cancellation));
    }
}
