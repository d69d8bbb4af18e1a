using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// How much of the page cache is really used. Nobody can see that directly: the kernel's active list is a first guess, which sinks while
/// nothing is read again, so that cache that nobody uses is found, and rises by whatever has to be read again. Never more than there is.
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
        // However much was read: what a guest has no room for it can't have missed.
        var again = MemorySize.Min(MemorySize.FromBytes(((double)sample.Refaults - last.Refaults) * Page), sample.MemTotal);
        need = again.IsZero ? need.Scale(Math.Pow(0.5, seconds / halfLife.TotalSeconds)) : need + again;
        // What has just been read again may not be in the lists yet.
        return (_need = MemorySize.Min(need, most + again)).Value;
    }
}
