using Dmm.Benchmarks.Figures;
using Dmm.Benchmarks.Mechanisms;
using Dmm.Lab.Replay;

namespace Dmm.Benchmarks.Tests;

public sealed class MechanismTests
{
    [Fact]
    public void Latency_and_rate_are_told_apart_by_several_sizes()
    {
        var fit = LineFit.Of([new(100, 120), new(500, 200), new(1000, 300), new(2000, 500)]);
        Assert.Equal((100.0, 5000.0), (fit.LatencyMs, fit.MibPerSecond));
    }

    [Fact]
    public void One_slow_movement_does_not_make_a_slow_mechanism()
    {
        Movement[] usual = [new(100, 20), new(100, 20), new(100, 20), new(1000, 110), new(1000, 110), new(1000, 110)];
        Assert.Equal(LineFit.Of(usual), LineFit.Of([.. usual, new(1000, 9_000), new(100, 5_000)]));
    }

    [Fact]
    public void Nothing_is_given_a_delay_below_zero_or_a_rate_without_end()
    {
        var steep = LineFit.Of([new(100, 1), new(1000, 100)]);
        Assert.Equal(0, steep.LatencyMs);
        Assert.InRange(steep.MibPerSecond, 9_000, 11_000);
        var flat = LineFit.Of([new(100, 50), new(1000, 50)]);
        Assert.Equal((50.0, 20_000.0), (flat.LatencyMs, flat.MibPerSecond));
        Assert.Equal(1e6, LineFit.Of([new(4096, 0)]).MibPerSecond);
        Assert.Throws<ArgumentException>(() => LineFit.Of([]));
    }

    [Fact]
    public void The_lab_reads_what_the_bench_writes()
    {
        var folder = Directory.CreateTempSubdirectory("dmm-bench-test-");
        try
        {
            var measures = new MechanismMeasures(
                Plug: [new(128, 40), new(1024, 110)], PlugShown: [], Unplug: [new(128, 30), new(1024, 90)],
                Inflate: [new(32, 30), new(512, 410)], Deflate: [new(32, 20), new(512, 210)],
                HearingMs: [20, 40, 60, 80, 900], BurstHeardMs: [], ConfirmMs: [150, 160, 170], SampleAfterMoveMs: []);
            var file = ReportFile.Write(folder.FullName, MechanismsPart.DelaysFile, measures.ForTheLab());
            var read = MechanismDelays.Read(file);
            Assert.Equal(measures.ForTheLab(), read);
            Assert.Equal((30.0, 12_800.0), (read.PlugLatencyMs, read.PlugMibPerSecond));
            Assert.Equal(160, read.ConfirmMs);
            Assert.Equal(new MechanismDelays().SwapOutMibPerSecond, read.SwapOutMibPerSecond);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
