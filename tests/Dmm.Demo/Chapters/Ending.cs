using Dmm.Core;
using Dmm.Demo.Reporting;

namespace Dmm.Demo.Chapters;

/// <summary>The checks that hold over the whole story.</summary>
public static class Ending
{
    /// <param name="hostMemory">The memory that DMM was told to govern.</param>
    /// <param name="limit">The longest time that the story may take.</param>
    public static async Task JudgeAsync(Stage stage, MemorySize hostMemory, TimeSpan limit)
    {
        stage.Chapter(null, "Over the whole story");
        var costs = (await stage.Dmm.VmsAsync(stage.Cancellation)).Select(vm => $"{vm.OverheadBytes >> 20}");
        stage.Tell($"the hypervisors' own overhead, beside the guests' memory: {string.Join(", ", costs)} MiB");
        stage.Add(Check.AtMost("OOM kills in all guests", stage.Guests.Sum(g => g.Load.Deaths + (g.Load.Last?.OomKills ?? 0)), 0, "kills"));
        var together = stage.Timeline.PeakTogether(stage.Guests.Count).Mebibytes;
        stage.Add(
            Check.AtMost("the most that the four guests had together (QEMU)", together, (Sizes.Guests + Sizes.Spark).Mebibytes, "MiB"));
        var used = stage.Timeline.Host.Select(h => h.Used.Mebibytes).DefaultIfEmpty().Max();
        stage.Add(Check.AtMost("the most that their processes took of the host, overhead included", used, hostMemory.Mebibytes, "MiB"));
        stage.Add(Check.AtMost("the story took", stage.Now.TotalSeconds, limit.TotalSeconds, "s"));
    }
}
