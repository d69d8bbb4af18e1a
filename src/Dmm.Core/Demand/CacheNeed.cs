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
    private (MemorySize Need, Moment At)? _recalled;

    /// <summary>The estimate; null before the first sample.</summary>
    public MemorySize? Need => _need;

    /// <summary>Takes up what was remembered at <paramref name="at"/>. The older it is, the less it counts against the guess.</summary>
    public void Recall(MemorySize need, Moment at, Moment now)
    {
        if (_need is { } guess)
            _need = Between(guess, need, now - at);
        else
            _recalled = (need, at);
    }

    public MemorySize Learn(GuestSample? last, GuestSample sample)
    {
        var most = sample.ActiveFile + sample.InactiveFile;
        if (last is null || _need is not { } need)
        {
            var guess = MemorySize.Min(sample.ActiveFile, most);
            if (_recalled is { } recalled)
                guess = MemorySize.Min(Between(guess, recalled.Need, sample.At - recalled.At), most);
            _recalled = null;
            return (_need = guess).Value;
        }

        var seconds = Math.Max(0, (sample.At - last.At).TotalSeconds);
        // A guest can't have missed more than it has room for, however much it read.
        var again = MemorySize.Min(MemorySize.FromBytes(((double)sample.Refaults - last.Refaults) * Page), sample.MemTotal);
        need = again.IsZero ? need.Scale(Math.Pow(0.5, seconds / halfLife.TotalSeconds)) : need + again;
        // Pages that were just read again may not be in the lists yet.
        return (_need = MemorySize.Min(need, most + again)).Value;
    }

    private MemorySize Between(MemorySize guess, MemorySize recalled, TimeSpan age)
    {
        var weight = Math.Pow(0.5, Math.Max(0, age / halfLife));
        return recalled.Scale(weight) + guess.Scale(1 - weight);
    }
}
