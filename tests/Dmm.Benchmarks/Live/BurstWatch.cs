using Dmm.Core;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Live;

/// <summary>
/// What a burst has got so far, by the guest's own word. Its <i>room</i> is what its load holds and what is available beside it, less what
/// is swapped out: memory that the load can use, whatever it was given by.
/// </summary>
internal sealed class BurstWatch(LoadReport before, MemorySize wants)
{
    /// <summary>More than what a guest frees by itself in a moment.</summary>
    private static readonly MemorySize Some = MemorySize.FromMiB(32);

    /// <summary>To the first new memory that the guest can use; where it had enough from the start, to the look that showed it.</summary>
    public double? FirstMs { get; private set; }

    /// <summary>To memory for all that the burst wants.</summary>
    public double? UsableMs { get; private set; }

    /// <summary>To the load holding all of it, in memory or in swap.</summary>
    public double? HeldMs { get; private set; }

    public bool IsOver => UsableMs is not null && HeldMs is not null;

    /// <param name="ms">Since the order.</param>
    public void Take(LoadReport report, double ms)
    {
        var want = wants.Bytes >> 10;
        // A report from before the order tells nothing of it.
        if (report.WantKib != want)
            return;
        ms = Math.Round(ms, 1);
        var room = RoomKib(report);
        if (room >= want)
            UsableMs ??= ms;
        if (room >= RoomKib(before) + (Some.Bytes >> 10) || room >= want)
            FirstMs ??= ms;
        if (report.HeldKib >= want)
            HeldMs ??= ms;
    }

    private static long RoomKib(LoadReport report) => report.HeldKib + report.MemAvailableKib - report.SwapUsedKib;
}
