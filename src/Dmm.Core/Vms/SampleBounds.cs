namespace Dmm.Core.Vms;

/// <summary>
/// Cuts what one guest says to what can be: levels to what the VM can have and to each other, counters to what a machine can do in the time
/// that has gone by. A guest is not trusted, and what is computed from its figures must not depend on its being honest. Drivers put each
/// sample through it, in the order in which they were read; one for each source. Pure but for its own memory; not for several threads at
/// once.
/// </summary>
/// <param name="limit">The most memory that this VM can have.</param>
public sealed class SampleBounds(MemorySize limit)
{
    /// <summary>
    /// Pages that a guest can read, swap or miss in a second: 32 GiB/s is more than compressed memory gives to all processors of a large
    /// guest (a page costs one of them about a microsecond).
    /// </summary>
    public const long PagesPerSecond = 8L << 20;

    /// <summary>Processes that a kernel can kill in a second.</summary>
    public const long KillsPerSecond = 1_000;

    /// <summary>PSI counts time in which somebody stood still: no more than goes by.</summary>
    public const long StallPerSecond = 1_000_000;

    /// <summary>No counter is larger: a page a nanosecond for a hundred days; what a double holds to the last unit.</summary>
    public const long MostCounted = 1L << 53;

    /// <summary>
    /// What was not used of so much time counts still: samples may be held up on their way and come at once, and the kernel brings PSI up
    /// to date every two seconds.
    /// </summary>
    public static readonly TimeSpan Unspent = TimeSpan.FromSeconds(10);

    private readonly Counter _refaults = new(PagesPerSecond);
    private readonly Counter _majorFaults = new(PagesPerSecond);
    private readonly Counter _swapIns = new(PagesPerSecond);
    private readonly Counter _swapOuts = new(PagesPerSecond);
    private readonly Counter _oomKills = new(KillsPerSecond);
    private readonly Counter _stallSome = new(StallPerSecond);
    private readonly Counter _stallFull = new(StallPerSecond);

    /// <summary>What of a sample can be.</summary>
    /// <param name="elapsed">Since the sample before it was read, by a clock that nobody sets; of no meaning at the first.</param>
    public GuestSample Bound(GuestSample said, TimeSpan elapsed)
    {
        var seconds = Math.Max(0, elapsed.TotalSeconds);
        var some = _stallSome.Next(said.StallSomeMicroseconds, seconds);
        return Consistent(said) with
        {
            Refaults = _refaults.Next(said.Refaults, seconds),
            MajorFaults = _majorFaults.Next(said.MajorFaults, seconds),
            SwapIns = _swapIns.Next(said.SwapIns, seconds),
            SwapOuts = _swapOuts.Next(said.SwapOuts, seconds),
            OomKills = _oomKills.Next(said.OomKills, seconds),
            StallSomeMicroseconds = some,
            StallFullMicroseconds = Math.Min(some, _stallFull.Next(said.StallFullMicroseconds, seconds)),
        };
    }

    /// <summary>No part is larger than the whole, and parts that exclude each other are not more than it together.</summary>
    private GuestSample Consistent(GuestSample said)
    {
        var within = said.Within(limit);
        var total = within.MemTotal;
        var unreclaimable = within.Unreclaimable;
        var anonymous = MemorySize.Min(within.Anonymous, total - unreclaimable);
        var active = MemorySize.Min(within.ActiveFile, total - unreclaimable);
        return within with
        {
            Anonymous = anonymous,
            Shmem = MemorySize.Min(within.Shmem, total - unreclaimable - anonymous),
            ActiveFile = active,
            InactiveFile = MemorySize.Min(within.InactiveFile, total - unreclaimable - active),
        };
    }

    /// <summary>A counter as a guest tells it, and as it is believed: it rises by what was told and can be.</summary>
    private sealed class Counter(double perSecond)
    {
        private long? _told;
        private long _believed;
        private double _unspent = perSecond * Unspent.TotalSeconds;

        public long Next(long told, double seconds)
        {
            told = Math.Clamp(told, 0, MostCounted);
            _unspent = Math.Min(_unspent + (seconds * perSecond), Math.Max(seconds, Unspent.TotalSeconds) * perSecond);
            // A counter that went back is a guest that booted anew: it counts on from there, and nothing has happened as yet.
            var risen = _told is { } before ? Math.Min(Math.Max(0, told - before), (long)Math.Min(_unspent, MostCounted)) : 0;
            _believed = _told is not { } last ? told : told < last ? Math.Min(told, _believed) : Math.Min(_believed + risen, MostCounted);
            _told = told;
            _unspent -= risen;
            return _believed;
        }
    }
}
