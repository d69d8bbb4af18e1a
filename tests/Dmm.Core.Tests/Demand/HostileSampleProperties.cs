using CsCheck;
using Dmm.Core.Demand;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Demand;

/// <summary>
/// A guest may report anything: whatever it reports, in whatever order, its model goes on, and never forecasts more than the VM can have.
/// </summary>
public sealed class HostileSampleProperties
{
    private static readonly Moment Start = Moment.Origin;
    private static readonly MemorySize Step = MemorySize.FromMiB(16);
    private static readonly MemorySize Most = MemorySize.FromGiB(4);

    private static readonly long[] Edges =
        [0, 1, 4096, 1L << 51, 2_140_000_000_000_000, long.MaxValue / 4096, long.MaxValue - 1, long.MaxValue, long.MinValue];

    /// <summary>Counters over the whole range of a number, with the values at which pages, bytes and sums overflow.</summary>
    private static readonly Gen<long> Figure = Gen.Frequency(
        (4, Gen.Long),
        (2, Gen.Long[0, long.MaxValue]),
        (3, Gen.Int[0, 62].Select(Gen.Int[-1, 1], static (bit, off) => (1L << bit) + off)),
        (2, Gen.Int[0, Edges.Length - 1].Select(static i => Edges[i])),
        (2, Gen.Long[0, 1 << 20]));

    private static readonly Gen<MemorySize> Size = Figure.Select(static figure => new MemorySize(figure & long.MaxValue));

    private static readonly Gen<(GuestSample Sample, VmSizes Sizes)> Said = Gen.Select(
        Size.Array[10], Figure.Array[7], Gen.Enum<SampleReason>(), Gen.Enum<SampleSource>(), Gen.Double[-5, 90], Gen.Int[0, 2048].Array[5],
        static (levels, counters, reason, source, second, mib) => (
            new GuestSample
            {
                At = Start + TimeSpan.FromSeconds(second),
                Source = source,
                MemTotal = levels[0],
                MemFree = levels[1],
                MemAvailable = levels[2],
                Anonymous = levels[3],
                Unreclaimable = levels[4],
                ActiveFile = levels[5],
                InactiveFile = levels[6],
                Shmem = levels[7],
                SwapTotal = levels[8],
                SwapFree = levels[9],
                Refaults = counters[0],
                MajorFaults = counters[1],
                SwapIns = counters[2],
                SwapOuts = counters[3],
                OomKills = counters[4],
                StallSomeMicroseconds = counters[5],
                StallFullMicroseconds = counters[6],
                Reason = reason,
            },
            new VmSizes(MiB(mib[0]), MiB(mib[1]), MiB(mib[2]), MiB(mib[3]), MiB(mib[4]))));

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    [Fact]
    public void Whatever_a_guest_says_its_model_goes_on_and_foresees_no_more_than_the_vm_can_have() =>
        Said.Array[1, 12].Sample(GoesOn, iter: 3_000);

    [Fact]
    public void Where_nobody_says_what_the_vm_can_have_the_model_goes_on_as_well() =>
        Said.Array[1, 12].Sample(GoesOnUnbounded, iter: 1_000);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void So_it_does_over_much_that_guests_say()
    {
        Said.Array[1, 12].Sample(GoesOn, iter: 20_000);
        Said.Array[1, 12].Sample(GoesOnUnbounded, iter: 5_000);
    }

    private static void GoesOn((GuestSample, VmSizes)[] said)
    {
        var model = new DemandModel(VmId.Parse("liar"), new());
        foreach (var (sample, sizes) in said)
            IsBounded(model.Take(sample, sizes, Most), Most);
    }

    private static void GoesOnUnbounded((GuestSample, VmSizes)[] said)
    {
        var model = new DemandModel(VmId.Parse("liar"), new());
        foreach (var (sample, sizes) in said)
            IsBounded(model.Take(sample, sizes), MemorySize.MostThereIs);
    }

    /// <summary>
    /// Such a sample once stopped the control of a whole host: the difference of two counters, in bytes, is more than a number holds, or
    /// nearly so.
    /// </summary>
    [Theory]
    [InlineData(1L << 51)]
    [InlineData(2_140_000_000_000_000)]
    [InlineData(long.MaxValue)]
    public void Pages_read_again_without_number_are_no_more_than_the_vm_can_have(long refaults)
    {
        var model = new DemandModel(VmId.Parse("liar"), new());
        var sample = new GuestSample
        {
            At = Start,
            Source = SampleSource.Agent,
            MemTotal = MiB(500),
            MemFree = MiB(300),
            MemAvailable = MiB(300),
        };
        var sizes = new VmSizes(MemorySize.FromMiB(512), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);
        model.Take(sample, sizes, Most);
        IsBounded(model.Take(sample with { At = Start + TimeSpan.FromSeconds(1), Refaults = refaults }, sizes, Most), Most);
    }

    /// <summary>
    /// An agent that falls silent and reports again must not look like a guest that read all of its pages within a second: balloon
    /// statistics have no refaults.
    /// </summary>
    [Fact]
    public void Counters_of_one_source_are_not_compared_with_those_of_another()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        var sizes = new VmSizes(MemorySize.FromMiB(1024), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);
        var agent = new GuestSample
        {
            At = Start,
            Source = SampleSource.Agent,
            MemTotal = MiB(1000),
            MemFree = MiB(100),
            MemAvailable = MiB(800),
            InactiveFile = MiB(700),
            Refaults = 1_000_000,
            StallSomeMicroseconds = 60_000_000,
            MajorFaults = 50_000,
        };
        var statistics = new GuestSample
        {
            At = Start,
            Source = SampleSource.BalloonStatistics,
            MajorFaults = 50_000,
            MemTotal = agent.MemTotal,
            MemFree = agent.MemFree,
            MemAvailable = agent.MemAvailable,
        };
        var before = model.Take(agent, sizes, Most);
        model.Take(statistics with { At = Start + TimeSpan.FromSeconds(6) }, sizes, Most);
        var after = model.Take(agent with { At = Start + TimeSpan.FromSeconds(7) }, sizes, Most);
        Assert.Equal((before.WorkingSet, 0.0), (after.WorkingSet, after.Harm));
    }

    private static void IsBounded(Forecast forecast, MemorySize most)
    {
        MemorySize[] sizes = [forecast.WorkingSet, forecast.Demand, forecast.ShrinkTo, forecast.Need, forecast.Used, forecast.Headroom];
        foreach (var size in sizes)
            Assert.True(size <= most, $"{size} are more than {most}");
        Assert.InRange(forecast.Harm, 0, 1);
        Assert.True(double.IsFinite(forecast.BytesPerSecond), $"it grows by {forecast.BytesPerSecond} bytes a second");
        var bid = new Bid(forecast.Vm, Step, most, 1000, Step, Step, Step, false, true).With(forecast, Step, 0.05, Step);
        Assert.True(bid.Need <= bid.Want && bid.Want <= bid.ShrinkTo, $"{bid.Need}, {bid.Want}, {bid.ShrinkTo}");
    }
}
