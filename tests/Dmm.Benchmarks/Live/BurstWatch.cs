using Dmm.Core;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Live;

/// <summary>
/// Watches what a burst has got so far, from the guest's own reports. Its <i>room</i> is the memory that its load holds plus the
/// available memory, less what is swapped out: memory that the load can use, whatever provided it.
/// </summary>
internal sealed class BurstWatch(LoadReport before, MemorySize wants)
{
    /// <summary>More than a guest frees by itself in a short time.</summary>
    private static readonly MemorySize Some = MemorySize.FromMiB(32);

    /// <summary>
    /// The time to the first new memory that the guest can use; if it had enough from the start, the time to the look that showed it.
    /// </summary>
    public double? FirstMs { get; private set; }

    /// <summary>The time to memory for all that the burst wants.</summary>
    public double? UsableMs { get; private set; }

    /// <summary>The time until the load holds all of it, in memory or in swap.</summary>
    public double? HeldMs { get; private set; }

    public bool IsOver => UsableMs is not null && HeldMs is not null;

    /// <param name="ms">The time since the order, in milliseconds.</param>
    public void Take(LoadReport report, double ms)
    {
        var want = wants.Bytes >> 10;
        // A report from before the order says nothing about the burst.
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
