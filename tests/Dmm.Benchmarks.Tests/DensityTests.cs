using Dmm.Benchmarks.Density;
using Dmm.Core;
using Dmm.Lab.Density;
using Dmm.Lab.Traces;

namespace Dmm.Benchmarks.Tests;

public sealed class DensityTests
{
    private static readonly DensityLoad Load = DensityLoad.Usual;
    private static readonly TimeSpan Length = Load.Cycle * 1.2;

    [Fact]
    public void Few_burst_at_once_however_many_there_are()
    {
        foreach (var vms in new[] { 5, 10, 15 })
        {
            var steps = Load.Steps(vms, Load.Cycle * 3);
            var (busy, most) = (0, 0);
            foreach (var step in steps.Where(s => s.At > TimeSpan.Zero || s.Works))
                most = Math.Max(most, busy += step.Works ? 1 : -1);
            Assert.InRange(most, 1, (int)Math.Ceiling(vms * Load.Busy) + 1);
        }
    }

    [Fact]
    public void Steps_come_in_the_order_of_time_and_every_guest_begins_with_something()
    {
        var steps = Load.Steps(9, Length);
        Assert.Equal(steps.Select(s => s.At).Order(), steps.Select(s => s.At));
        Assert.Equal(Enumerable.Range(0, 9), steps.Where(s => s.At == TimeSpan.Zero && !s.Works).Select(s => s.Guest));
        Assert.All(steps.Where(s => s.Works), s => Assert.Equal(Load.Burst(s.Guest), s.Hold));
    }

    [Fact]
    public void A_guest_works_the_same_time_in_every_whole_cycle()
    {
        for (var vm = 0; vm < 20; vm++)
        {
            foreach (var from in new[] { 0.0, 6.0, 17.3 })
            {
                var works = Load.Works(vm, TimeSpan.FromSeconds(from), TimeSpan.FromSeconds(from) + Load.Cycle);
                Assert.Equal((Load.Cycle * Load.Busy).TotalSeconds, works.TotalSeconds, 6);
            }
        }
    }

    [Fact]
    public void The_trace_is_the_same_load()
    {
        var trace = Load.Trace(2, Load.Cycle * 4);
        Assert.Equal(MemorySize.FromMiB(1024), trace.Max);
        Assert.Equal((Load.Own + Load.Burst(2)).Bytes >> 10, trace.UsedKib.Max());
        Assert.Equal((Load.Own + Load.Idle).Bytes >> 10, trace.UsedKib.Min());
        var busy = trace.UsedKib.Count(kib => kib > (Load.Own + Load.Idle).Bytes >> 10) / (double)trace.UsedKib.Length;
        Assert.InRange(busy, Load.Busy * 0.7, Load.Busy * 1.1);
        Assert.True(trace.Seconds.Zip(trace.Seconds.Skip(1)).All(pair => pair.Item2 - pair.Item1 < VmTrace.MostSilence));
    }

    [Fact]
    public void What_fits_by_its_max_is_counted_in_the_order_of_the_VMs()
    {
        Assert.Equal(0, Load.Fixed(MemorySize.FromMiB(511)));
        Assert.Equal(2, Load.Fixed(MemorySize.FromMiB(1791)));
        Assert.Equal(3, Load.Fixed(MemorySize.FromMiB(1792)));
    }

    [Fact]
    public void The_most_that_fits_is_found_with_few_trials()
    {
        for (var truth = 3; truth <= 16; truth++)
        {
            var (search, trials) = (MostThatFit.From(3, 16), 0);
            while (search.Next is { } vms)
            {
                Assert.InRange(vms, 4, 16);
                search = search.With(vms, vms <= truth);
                trials++;
            }

            Assert.Equal(truth, search.Fits);
            Assert.True(trials <= ((truth - 3) / 2) + 2, $"{trials} trials for {truth}");
        }
    }

    [Fact]
    public void The_report_is_drawn_with_the_oracle_that_no_real_guest_can_have()
    {
        var lab = new DensityReport(1, 24, 0.001, 1, 1, [new("dmm", 7, 1, 6, 8, 0.8, [7], 1, 1), new("oracle", 9, 1, 8, 10, 1, [9], 1, 1)]);
        var alone = new TrialFigures(3, 1, 1, 0, 0, 0, 1, [1]);
        var report = new DensityBenchReport(
            new(DateTimeOffset.UnixEpoch, "q", new("cpu", 2, 1, "k", "r", 0)), 1, 0.95, Load, 3, alone, [new("dmm", 6, 2, [alone])], lab);
        var folder = Directory.CreateTempSubdirectory("dmm-bench-test-");
        try
        {
            DensityPlot.Save(report, Path.Combine(folder.FullName, "density.png"));
            Assert.True(new FileInfo(Path.Combine(folder.FullName, "density.png")).Length > 5_000);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
