using Dmm.Core;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Linux;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>A VM's process as its host sees it: what it holds, and the control group in which the host holds it to its claim.</summary>
/// <param name="pid">The process; null where it is not known.</param>
/// <param name="group">The group that DMM made for it; null where there is none.</param>
/// <param name="unenforced">Why there is none, in one line.</param>
/// <param name="time">The clock of the host, on which it says when the process was read.</param>
internal sealed class HostSide(VmId id, int? pid, VmGroup? group, string? unenforced, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _bounding = new(1, 1);
    private MemorySize _hugeMost;

    public VmGroup? Group => group;

    /// <summary>Null where it is not known or can't be read.</summary>
    public ProcessMemory? Memory() => pid is { } known ? ProcessMemory.Of(known, group) : null;

    /// <summary>
    /// Reads the memory that the process holds; null where it can't be read. A huge page that was freed returns to the kernel's pool,
    /// where no other VM can use it, so it still counts.
    /// </summary>
    public HeldMemory? Resident()
    {
        var began = Clocks.MomentOf(time);
        if (Memory() is not { } memory)
            return null;
        _hugeMost = MemorySize.Max(_hugeMost, memory.Huge);
        return new(memory.Pages + _hugeMost, began);
    }

    public VmCapabilities Of(VmCapabilities able) => able with { Group = group?.Name, Unenforced = unenforced };

    /// <summary>
    /// Sets the bounds, one call at a time. The kernel reclaims memory while a bound is lowered, in the thread that lowers it; a call that
    /// is given up meanwhile leaves that to be finished, and the next waits for it.
    /// </summary>
    /// <exception cref="HypervisorException">There is no group, or not all bounds could be set.</exception>
    public async Task BoundAsync(VmBounds bounds, CancellationToken cancellation)
    {
        if (group is null)
            throw new HypervisorException($"VM '{id}' can't be held to its claim: {unenforced}");
        await _bounding.WaitAsync(cancellation).ConfigureAwait(false);
        var setting = Task.Factory.StartNew(
            () =>
            {
                try
                {
                    group.Bound(bounds);
                }
                finally
                {
                    _bounding.Release();
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await setting.WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>A call that still goes on ends by itself; the kernel bounds its reclaim.</summary>
    public void Dispose()
    {
        if (_bounding.Wait(0))
            _bounding.Dispose();
    }
}
