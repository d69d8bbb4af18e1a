using Dmm.Demo.Reporting;
using Dmm.Testbed;

namespace Dmm.Demo.Chapters;

/// <summary>
/// The daemon is killed in the middle of a resize that needs a peer's memory first. Without a daemon the resize can't go on, so its
/// completion is the work of the next daemon.
/// </summary>
public static class KilledDaemon
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(15);
    private const long AloneMs = 2_000;

    public static async Task PlayAsync(Stage stage)
    {
        stage.Chapter("4 kill -9", "4  The daemon is killed with -9 in the middle of a resize");
        var (alpha, charlie) = (stage["alpha"], stage["charlie"]);
        var pids = stage.Guests.Select(g => g.Pid).Order().ToList();
        var start = (await alpha.Eye.LookAsync(stage.Cancellation)).Actual;
        stage.Tell($"$ dmm vm resize alpha {Sizes.Resize.Bytes >> 20}M      (it has {start})");
        await stage.Dmm.ResizeAsync(alpha.Name, Sizes.Resize.Bytes, stage.Cancellation);
        var midway = await Wait.ForAsync(
            "alpha begins to grow",
            async () => await alpha.Eye.LookAsync(stage.Cancellation) is var look && look.Actual > start ? look : null,
            Deadline, stage.Cancellation, pause: Pause);
        await stage.Daemon.KillAsync();
        stage.Tell($"killed when alpha had {midway.Actual} of {Sizes.Resize}");

        var worked = await WorkAloneAsync(stage, charlie);
        var left = (await alpha.Eye.LookAsync(stage.Cancellation)).Actual;
        stage.Tell($"{AloneMs / 1000} s without a daemon: alpha stays at {left}, charlie's load goes on with {worked:#,0} operations/s");
        stage.Add(
            Check.AtMost(
                "alpha's resize is unfinished without a daemon (QEMU)", left.Mebibytes, (Sizes.Resize - Sizes.Near).Mebibytes - 1, "MiB"));
        stage.Add(Check.AtLeast("charlie's load goes on without a daemon", worked, 1_000, "operations/s"));

        var began = stage.Now;
        var ready = await stage.Daemon.StartAsync(stage.Cancellation);
        stage.Tell($"the next daemon is ready after {ready.TotalSeconds:0.0} s");
        await Wait.UntilAsync(
            $"alpha becomes {Sizes.Resize}",
            async () => (await alpha.Eye.LookAsync(stage.Cancellation)).Actual + Sizes.Near >= Sizes.Resize,
            Deadline, stage.Cancellation);
        var done = (await alpha.Eye.LookAsync(stage.Cancellation)).Actual;
        stage.Tell($"alpha has {done} {(stage.Now - began).TotalSeconds:0.0} s after the start of the next daemon");
        stage.Add(
            Check.AtLeast("the next daemon finishes alpha's resize (QEMU)", done.Mebibytes, (Sizes.Resize - Sizes.Near).Mebibytes, "MiB"));
        stage.Add(
            Check.AtMost(
                "from the next daemon's start to the finished resize", (stage.Now - began).TotalSeconds, Deadline.TotalSeconds, "s"));
        var same = stage.Daemon.Folder.FindVms().Select(p => p.Pid).Order().Count(pids.Contains);
        stage.Add(Check.AtLeast("guests that outlived the daemon, by pid", same, pids.Count, "guests"));
        await stage.Dmm.ResizeAsync(alpha.Name, null, stage.Cancellation);
    }

    /// <summary>The lowest rate of work of the load while no daemon ran.</summary>
    private static async Task<long> WorkAloneAsync(Stage stage, Guest guest)
    {
        var (seq, since) = (guest.Load.Last!.Seq, guest.Load.Last.UptimeMs);
        await guest.Load.WaitForAsync("goes on working", r => r.UptimeMs - since >= AloneMs, Deadline, stage.Cancellation);
        return guest.Load.After(seq).Min(r => r.OperationsPerSecond);
    }
}
