using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// Tells every change of a VM's sizes. QEMU's events only say when to look (at once, then at most once a second), so sizes are also read
/// often while a device is on its way to its target and moves, and now and then otherwise.
/// </summary>
internal sealed class SizeWatch(QemuMemory memory, QemuSettings settings, TimeProvider time, Action<VmSizes> tell)
{
    /// <summary>A QEMU that misses one deadline may be busy; one that misses two is taken for lost.</summary>
    private const int MaxTimeouts = 2;

    private readonly Nudge _nudge = new(time);

    /// <summary>Something may have changed: look at once.</summary>
    public void Look() => _nudge.Set();

    /// <param name="last">The sizes that were told before.</param>
    /// <exception cref="QmpTimeoutException">QEMU does not answer any more.</exception>
    public async Task RunAsync(VmSizes last, CancellationToken cancellation)
    {
        var moved = time.GetTimestamp();
        var timeouts = 0;
        while (true)
        {
            var onItsWay = last.Plugged != last.PluggedTarget || last.Ballooned != last.BalloonedTarget;
            var fast = onItsWay && time.GetElapsedTime(moved) < settings.FastPollPatience;
            await _nudge.WaitAsync(fast ? settings.FastPoll : settings.SlowPoll, cancellation).ConfigureAwait(false);
            try
            {
                var sizes = await memory.ReadAsync(cancellation).ConfigureAwait(false);
                timeouts = 0;
                if (sizes == last)
                    continue;
                last = sizes;
                moved = time.GetTimestamp();
                tell(sizes);
            }
            catch (QmpTimeoutException) when (++timeouts < MaxTimeouts)
            {
                Look();
            }
        }
    }
}
