using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Demo.Chapters;
using Dmm.Demo.Reporting;
using Dmm.Demo.Screens;
using Dmm.Hypervisors.Qemu;
using Dmm.Testbed;

namespace Dmm.Demo;

/// <summary>One run: image, daemon, story, report.</summary>
public sealed class DemoRun(IScreen screen, string? program)
{
    private static readonly TimeSpan StoryLimit = TimeSpan.FromMinutes(3);
    private static readonly MemorySize TranslationCache = MemorySize.FromMiB(64);

    /// <returns>Whether all checks passed.</returns>
    public async Task<bool> RunAsync(CancellationToken cancellation)
    {
        var startedAt = DateTimeOffset.UtcNow;
        var artifacts = Directory.CreateDirectory(Repository.PathOf("artifacts", "demo")).FullName;
        var image = await GuestImage.EnsureAsync(line => Console.WriteLine(line), cancellation);
        var overhead = Overhead(image);
        var hostMemory = Sizes.Guests + MemorySize.FromMiB(overhead.Bytes * (ThreeGuests.Names.Count + 1) >> 20);
        var timeline = new Timeline();
        var config = new DaemonConfig
        {
            HostMemory = hostMemory,
            Cushion = Sizes.Cushion,
            More = $"qemu.tb-size = {TranslationCache.ToExactText()}\nvm.spark = {Sizes.Spark.ToExactText()}",
        };
        await using var daemon = new TestbedDaemon(config, program, endOnSignals: false);
        await using var stage = new Stage(daemon, image, timeline, screen, cancellation);
        string? fault = null;
        await screen.RunAsync(async () => fault = await TellAsync(stage, hostMemory, overhead));
        await SaveEventsAsync(stage, Path.Combine(artifacts, "events.txt"));
        cancellation.ThrowIfCancellationRequested();

        var report = DemoReport.Of(startedAt, stage.Now, Sizes.Guests, fault, stage.Checks, timeline);
        report.Write(Path.Combine(artifacts, "report.json"));
        TimelinePlot.Save(timeline, Sizes.Guests, Path.Combine(artifacts, "timeline.png"));
        await File.WriteAllLinesAsync(Path.Combine(artifacts, "dmmd.log"), daemon.Log.Tail(int.MaxValue), cancellation);
        Summary.Print(report, artifacts);
        return report.Passed;
    }

    /// <returns>The reason why the story was not completed, or null.</returns>
    private static async Task<string?> TellAsync(Stage stage, MemorySize hostMemory, MemorySize overhead)
    {
        try
        {
            stage.Recorder.Start();
            var ready = await stage.Daemon.StartAsync(stage.Cancellation);
            stage.Tell(
                $"dmmd is ready after {ready.TotalSeconds:0.0} s; it governs {hostMemory}: {Sizes.Guests} for guests, {overhead} of "
                    + $"overhead for each of four");
            await ThreeGuests.PlayAsync(stage);
            await LoadMoves.PlayAsync(stage);
            await FourthGuest.PlayAsync(stage);
            await KilledDaemon.PlayAsync(stage);
            await Burst.PlayAsync(stage);
            await Ending.JudgeAsync(stage, hostMemory, StoryLimit);
            return null;
        }
        catch (Exception e) when (!stage.Cancellation.IsCancellationRequested && e is TestbedException or HypervisorException
            or HttpRequestException)
        {
            stage.Tell($"the demo stops here: {e.Message}");
            return e.Message;
        }
    }

    /// <summary>
    /// Saves the daemon's own account of what it did and why, for anybody who wonders about a check. A daemon that is gone can't give
    /// one.
    /// </summary>
    private static async Task SaveEventsAsync(Stage stage, string file)
    {
        try
        {
            var events = await stage.Dmm.EventsAsync(stage.Cancellation);
            await File.WriteAllLinesAsync(file, events.Select(e => $"{e.At:HH:mm:ss.fff} {e.Kind} {e.Vm} {e.Text}"), stage.Cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or TestbedException)
        {
            stage.Tell($"dmmd's events can't be read: {e.Message}");
        }
    }

    /// <summary>
    /// The overhead that the driver expects for each guest; the daemon's ledger uses the same figure until it has measured.
    /// </summary>
    private static MemorySize Overhead(GuestImage image) =>
        new QemuHypervisor(new QemuSettings { StateDirectory = "/nonexistent", TranslationCache = TranslationCache }, TimeProvider.System)
        .ExpectedOverhead(new VmSpec
        {
            Id = VmId.Parse(FourthGuest.Name),
            Policy = new(Sizes.Min, Sizes.Max, VmPolicy.DefaultShares),
            Boot = Sizes.Boot,
            Medium = new BootMedium.KernelBoot(image.Kernel, image.Initrd, null),
        });
}
