namespace Dmm.Core.Vms;

/// <summary>
/// Limits what a guest reports to possible values: levels by what the VM can have and by each other, counters by what a machine can do in
/// the elapsed time. A guest is not trusted, and results computed from its figures must not depend on its honesty. Drivers put each
/// sample through it, in the order in which they were read, with one instance for each source. It is pure except for its own memory, and
/// not safe for several threads at once.
/// </summary>
/// <param name="limit">The most memory that this VM can have.</param>
public sealed class SampleBounds(MemorySize limit)
{
    /// <summary>
    /// Pages that a guest can read, swap or miss in a second: 32 GiB/s is more than compressed memory can give to all processors of a
    /// large guest (a page costs one processor about a microsecond).
    /// </summary>
    public const long PagesPerSecond = 8L << 20;

    /// <summary>Processes that a kernel can kill in a second.</summary>
    public const long KillsPerSecond = 1_000;

    /// <summary>PSI counts time in which tasks stalled: at most the time that passes, in microseconds a second.</summary>
    public const long StallPerSecond = 1_000_000;

    /// <summary>
    /// The upper limit of every counter: a page a nanosecond for a hundred days; the largest value up to which a double is exact.
    /// </summary>
    public const long MostCounted = 1L << 53;

    /// <summary>
    /// Time whose unused allowance can still be used later: samples may be delayed on their way and arrive together, and the kernel
    /// updates PSI every two seconds.
    /// </summary>
    public static readonly TimeSpan Unspent = TimeSpan.FromSeconds(10);

    private readonly Counter _refaults = new(PagesPerSecond);
    private readonly Counter _majorFaults = new(PagesPerSecond);
    private readonly Counter _swapIns = new(PagesPerSecond);
    private readonly Counter _swapOuts = new(PagesPerSecond);
    private readonly Counter _oomKills = new(KillsPerSecond);
    private readonly Counter _stallSome = new(StallPerSecond);
    private readonly Counter _stallFull = new(StallPerSecond);

    /// <summary>The sample, limited to possible values.</summary>
    /// <param name="elapsed">Time since the sample before was read, by a monotonic clock; without meaning for the first sample.</param>
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

    /// <summary>
    /// Makes the sizes consistent: no part is larger than the whole, and parts that exclude each other are together not larger than the
    /// whole.
    /// </summary>
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

    /// <summary>
    /// A counter as the guest reports it and as it is believed: it rises by what was reported, as far as that is possible.
    /// </summary>
    private sealed class Counter(double perSecond)
    {
        private long? _told;
        private long _believed;
        private double _unspent = perSecond * Unspent.TotalSeconds;

        public long Next(long told, double seconds)
        {
            told = Math.Clamp(told, 0, MostCounted);
            _unspent = Math.Min(_unspent + (seconds * perSecond), Math.Max(seconds, Unspent.TotalSeconds) * perSecond);
            // A counter that went back means that the guest booted anew: it counts on from there, and nothing has happened as yet.
            var risen = _told is { } before ? Math.Min(Math.Max(0, told - before), (long)Math.Min(_unspent, MostCounted)) : 0;
            _believed = _told is not { } last ? told : told < last ? Math.Min(told, _believed) : Math.Min(_believed + risen, MostCounted);
            _told = told;
            _unspent -= risen;
            return _believed;
        }
    }
}
