using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// Estimates how much of the page cache is really used. Nobody can see that directly. The kernel's active list is the first guess. The
/// estimate sinks while nothing is read again, so that unused cache is found; it rises by whatever has to be read again. It is never more
/// than the cache that there is.
/// </summary>
public sealed class CacheNeed(TimeSpan halfLife)
{
    private const int Page = 4096;

    private MemorySize? _need;

    public MemorySize Learn(GuestSample? last, GuestSample sample)
    {
        var most = sample.ActiveFile + sample.InactiveFile;
        if (last is null || _need is not { } need)
            return (_need = MemorySize.Min(sample.ActiveFile, most)).Value;
        var seconds = Math.Max(0, (sample.At - last.At).TotalSeconds);
        // A guest can't have missed more than it has room for, however much it read.
        var again = MemorySize.Min(MemorySize.FromBytes(((double)sample.Refaults - last.Refaults) * Page), sample.MemTotal);
        need = again.IsZero ? need.Scale(Math.Pow(0.5, seconds / halfLife.TotalSeconds)) : need + again;
        // Pages that were just read again may not be in the lists yet.
        return (_need = MemorySize.Min(need, most + again)).Value;
    }
}
