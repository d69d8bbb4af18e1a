using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Demo.Reporting;
using Dmm.Testbed;

namespace Dmm.Demo.Tests;

public sealed class ReportTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("dmm-report-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_report_says_what_was_measured_and_against_what()
    {
        var json = Written(null, [Check.AtMost("time to memory", 765.4321, 3000, "ms")], Story());
        Assert.True((bool)json["passed"]!);
        var check = json["checks"]![0]!;
        Assert.Equal(
            ("time to memory", true, 765.432, "atMost", 3000.0, "ms"),
            ((string)check["name"]!, (bool)check["passed"]!, (double)check["measured"]!, (string)check["bound"]!, (double)check["limit"]!,
                (string)check["unit"]!));
    }

    [Fact]
    public void Peaks_come_from_qemu_and_from_the_guest()
    {
        var guest = Written(null, [], Story())["guests"]![0]!;
        Assert.Equal("alpha", (string)guest["name"]!);
        Assert.Equal(MiB(256).Bytes, (long)guest["bootBytes"]!);
        Assert.Equal(MiB(700).Bytes, (long)guest["peakGuestMemTotalBytes"]!);
        Assert.Equal(MiB(512).Bytes, (long)guest["peakPluggedBytes"]!);
        Assert.Equal(MiB(768).Bytes, (long)guest["peakActualBytes"]!);
        Assert.Equal(MiB(192).Bytes, (long)guest["lowestActualBytes"]!);
    }

    [Fact]
    public void A_guest_that_has_not_spoken_is_unknown_and_not_zero()
    {
        var point = Written(null, [], Story())["timeline"]![0]!.AsObject();
        Assert.Equal(MiB(256).Bytes, (long)point["actualBytes"]!);
        Assert.True(point.ContainsKey("guestMemTotalBytes"));
        Assert.Null(point["guestMemTotalBytes"]);
    }

    [Theory]
    [InlineData(null, 4.0, false)]
    [InlineData("bravo: not within 30 s", 2.0, false)]
    [InlineData(null, 2.0, true)]
    public void A_failed_check_and_a_story_cut_short_both_fail_the_run(string? fault, double measured, bool passed)
    {
        var json = Written(fault, [Check.AtMost("a", measured, 3, "s")], Story());
        Assert.Equal(passed, (bool)json["passed"]!);
        Assert.Equal(fault, (string?)json["fault"]);
    }

    [Fact]
    public void A_run_without_a_single_check_has_not_passed() => Assert.False((bool)Written(null, [], Story())["passed"]!);

    [Fact]
    public void What_could_not_be_measured_fails_its_check()
    {
        Assert.False(Check.AtMost("a", null, 3, "s").Passed);
        Assert.False(Check.AtLeast("a", double.NaN, 0, "s").Passed);
        Assert.True(Check.AtLeast("a", 3, 3, "s").Passed);
        Assert.True(Check.AtMost("a", 3, 3, "s").Passed);
    }

    [Fact]
    public void A_plot_is_drawn_also_of_a_run_that_ended_at_once()
    {
        var file = Path.Combine(_folder, "plot.png");
        TimelinePlot.Save(new Timeline(), MiB(1228), file);
        Assert.False(File.Exists(file));
        TimelinePlot.Save(Story(), MiB(1228), file);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(file)[..4]);
    }

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static Timeline Story()
    {
        var timeline = new Timeline();
        timeline.Add(new StoryLine(TimeSpan.Zero, "1  It begins", "1 boot"));
        timeline.Add([new Sample(TimeSpan.FromSeconds(1), 0, "alpha", new(MiB(256), MiB(0), MiB(0), MiB(0)), null)]);
        timeline.Add([new Sample(TimeSpan.FromSeconds(2), 1, "alpha", new(MiB(256), MiB(512), MiB(512), MiB(0)), Said(MiB(700)))]);
        timeline.Add([new Sample(TimeSpan.FromSeconds(3), 2, "alpha", new(MiB(256), MiB(0), MiB(0), MiB(64)), Said(MiB(220)))]);
        return timeline;
    }

    private static LoadReport Said(MemorySize total) =>
        new() { Seq = 1, UptimeMs = 1, HeldKib = 0, WantKib = 0, MemTotalKib = total.Bytes >> 10 };

    private JsonNode Written(string? fault, IReadOnlyList<Check> checks, Timeline timeline)
    {
        var file = Path.Combine(_folder, "report.json");
        DemoReport.Of(Start, TimeSpan.FromSeconds(90), MiB(1228), fault, checks, timeline).Write(file);
        return JsonNode.Parse(File.ReadAllText(file))!;
    }
}
