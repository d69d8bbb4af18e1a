using Dmm.Demo.Reporting;
using Dmm.Testbed;

namespace Dmm.Demo.Chapters;

/// <summary>
/// A guest without swap suddenly wants more memory than it has. Its kernel has about a second until the OOM killer acts. Times are the
/// guest's own: from the order that starts the burst to the first report in which its MemTotal has risen.
/// </summary>
public static class Burst
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan ReportPeriod = TimeSpan.FromMilliseconds(20);

    public static async Task PlayAsync(Stage stage)
    {
        var bravo = stage["bravo"];
        string? moving = null;
        await Wait.UntilAsync(
            "no guest moves", async () => (moving = await MovingAsync(stage)) is null, Deadline, stage.Cancellation, () => moving ?? "");
        var before = await bravo.Load.WaitForAsync("reports", _ => true, Deadline, stage.Cancellation);
        var view = await stage.Dmm.VmAsync(bravo.Name, stage.Cancellation);
        var had = (await bravo.Eye.LookAsync(stage.Cancellation)).Actual;
        stage.Chapter(
            "5 burst",
            $"5  bravo, with {had}, {before.MemAvailable} of it available and no swap, wants {Sizes.Burst} at {Sizes.BurstPerSecond}/s");
        await bravo.Load.HoldAsync(Sizes.Burst, Sizes.BurstPerSecond, stage.Cancellation);
        await Wait.UntilAsync(
            "bravo's burst ends",
            async () =>
            {
                // The guest is asked for additional reports: their period limits the precision of the moment in which memory arrives.
                await bravo.Load.ReportAsync(stage.Cancellation);
                return bravo.Load.Deaths > 0 || bravo.Load.Last is { WantKib: > 0 } r && r.HeldKib >= r.WantKib;
            },
            Deadline, stage.Cancellation, () => $"it holds {bravo.Load.Last?.Held}", ReportPeriod);

        var reports = bravo.Load.After(before.Seq);
        var began = reports.FirstOrDefault(r => r.WantKib > 0);
        var seen = reports.FirstOrDefault(r => r.MemTotalKib > before.MemTotalKib);
        var milliseconds = began is null || seen is null ? (double?)null : seen.UptimeMs - began.UptimeMs;
        var end = reports[^1];
        stage.Tell(milliseconds is { } ms
            ? $"{ms:0} ms from the start of the burst to memory that the guest sees; it had {reports.Min(r => r.MemAvailable)} "
            + $"available at the least"
            : "the guest never saw more memory");
        stage.Tell($"bravo holds {end.Held} and sees {end.MemTotal}");
        stage.Add(
            Check.AtLeast(
                "bravo's burst is many times what it had available", Sizes.Burst.Bytes / (double)before.MemAvailable.Bytes, 2, "times"));
        stage.Add(Check.AtMost("bravo has no swap", (view.Guest?.SwapTotalBytes ?? 0) >> 20, 0, "MiB"));
        stage.Add(Check.AtMost("from the start of the burst to memory that the guest sees", milliseconds, 3_000, "ms"));
        stage.Add(Check.AtLeast("bravo's burst is held to its end", end.Held.Mebibytes, Sizes.Burst.Mebibytes, "MiB"));
        stage.Add(Check.AtMost("bravo's OOM kills", Math.Max(end.OomKills, bravo.Load.Deaths), 0, "kills"));
    }

    /// <summary>
    /// A burst during another resize is a different test. The cushion need not be full: it is filled from slack alone, and what a guest
    /// used in the last hour is no slack. That is taken for the burst.
    /// </summary>
    /// <returns>Who moves; null: nobody.</returns>
    private static async Task<string?> MovingAsync(Stage stage) =>
        (await stage.Dmm.VmsAsync(stage.Cancellation)).FirstOrDefault(vm => vm.State != "settled") is { } vm
            ? $"{vm.Id} is {vm.State}" : null;
}
