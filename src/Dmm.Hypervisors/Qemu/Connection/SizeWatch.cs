using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// Reports every change of a VM's sizes. QEMU's events only say when to look (at once, then at most once a second). So sizes are also
/// read often while a device moves towards its target, and now and then otherwise. However many events there are, the number of looks per
/// second is bounded.
/// </summary>
/// <param name="tell">Gets the sizes.</param>
internal sealed class SizeWatch(QemuMemory memory, QemuSettings settings, TimeProvider time, Action<VmSizes, SizeChange> tell) : IDisposable
{
    /// <summary>A QEMU that misses one deadline may be busy; one that misses two in a row counts as lost.</summary>
    private const int MaxTimeouts = 2;

    /// <summary>The most looks per second: a guest can cause some of QEMU's events as often as it likes.</summary>
    public const int MaxLooksPerSecond = 20;

    private readonly Nudge _nudge = new(time);
    private readonly ReadPace _pace = new(time, MaxLooksPerSecond);

    /// <summary>One reading at a time, reported before the next begins, so that an older one never comes after a newer one.</summary>
    private readonly SemaphoreSlim _reading = new(1, 1);
    private VmSizes? _told;
    private int _resets;
    private int _resetsTold;

    /// <summary>Looks at once, since something may have changed.</summary>
    public void Look() => _nudge.Set();

    /// <summary>The guest was reset: the sizes that are read from now on are reported as such, once.</summary>
    public void LookAfterReset()
    {
        Interlocked.Increment(ref _resets);
        Look();
    }

    /// <summary>Reads the sizes and reports them, whether they are new or not, before it returns.</summary>
    public Task<VmSizes> ReadAsync(CancellationToken cancellation) => ReadAsync(always: true, cancellation);

    public void Dispose() => _reading.Dispose();

    /// <param name="last">The sizes that were reported before.</param>
    /// <exception cref="QmpTimeoutException">QEMU does not answer any more.</exception>
    public async Task RunAsync(VmSizes last, CancellationToken cancellation)
    {
        _told ??= last;
        var moved = time.GetTimestamp();
        var timeouts = 0;
        while (true)
        {
            var onItsWay = last.Plugged != last.PluggedTarget || !last.Overlap.IsZero || last.Ballooned != last.BalloonedTarget;
            var fast = onItsWay && time.GetElapsedTime(moved) < settings.FastPollPatience;
            await _nudge.WaitAsync(fast ? settings.FastPoll : settings.SlowPoll, cancellation).ConfigureAwait(false);
            await _pace.TakeAsync(0, cancellation).ConfigureAwait(false);
            try
            {
                var sizes = await ReadAsync(always: false, cancellation).ConfigureAwait(false);
                timeouts = 0;
                if (sizes == last)
                    continue;
                last = sizes;
                moved = time.GetTimestamp();
            }
            catch (QmpTimeoutException) when (++timeouts < MaxTimeouts)
            {
                Look();
            }
        }
    }

    private async Task<VmSizes> ReadAsync(bool always, CancellationToken cancellation)
    {
        await _reading.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            // A reset that comes while the sizes are read is reported with the next ones.
            var resets = Volatile.Read(ref _resets);
            var sizes = await memory.ReadAsync(cancellation).ConfigureAwait(false);
            var before = _told ?? sizes;
            var isNew = sizes != _told;
            _told = sizes;
            var reset = resets != _resetsTold;
            _resetsTold = resets;
            if (always || isNew || reset)
                tell(sizes, reset ? SizeChange.Reset
                    : sizes.Actual != before.Actual || sizes.Plugged != before.Plugged ? SizeChange.Moved
                    : SizeChange.Asked);
            return sizes;
        }
        finally
        {
            _reading.Release();
        }
    }
}

/// <summary>How sizes differ from those that were reported before.</summary>
internal enum SizeChange
{
    /// <summary>Only in what was requested, or not at all.</summary>
    Asked,

    /// <summary>The VM's real size has changed.</summary>
    Moved,

    /// <summary>The guest was reset since.</summary>
    Reset,
}
