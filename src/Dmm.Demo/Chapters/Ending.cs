using Dmm.Core.Memory;
using Dmm.Demo.Reporting;

namespace Dmm.Demo.Chapters;

/// <summary>What holds over the whole story.</summary>
public static class Ending
{
    /// <param name="hostMemory">What DMM was told to govern.</param>
    /// <param name="limit">How long the story may take.</param>
    public static void Judge(Stage stage, MemorySize hostMemory, TimeSpan limit)
    {
        stage.Chapter("Over the whole story");
        stage.Add(Check.AtMost("OOM kills in all guests", stage.Guests.Sum(g => g.Load.Deaths + (g.Load.Last?.OomKills ?? 0)), 0, "kills"));
        stage.Add(Check.AtMost("the most that the guests had together (QEMU)", stage.Timeline.PeakTogether().Mebibytes, Math.Floor(hostMemory.Mebibytes), "MiB"));
        var used = stage.Timeline.Host.Select(h => h.Used.Mebibytes).DefaultIfEmpty().Max();
        stage.Add(Check.AtMost("the most that their processes took of the host, overhead included", used, hostMemory.Mebibytes, "MiB"));
        stage.Add(Check.AtMost("the story took", stage.Now.TotalSeconds, limit.TotalSeconds, "s"));
    }
}
