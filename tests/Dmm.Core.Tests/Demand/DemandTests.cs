using Dmm.Core.Demand;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Demand;

public sealed class DemandTests
{
    private static readonly Moment Start = Moment.Origin + TimeSpan.FromDays(1);

    private static MemorySize MiB(double mib) => MemorySize.FromBytes(mib * (1 << 20));

    private static VmSizes Sizes(MemorySize total, double ballooned = 0) =>
        new(total, MemorySize.Zero, MiB(ballooned), MemorySize.Zero, MiB(ballooned));

    private static GuestSample Sample(
        double second, double available, SampleReason reason = SampleReason.Periodic, double total = 1000, double held = 0) => new()
        {
            At = Start + TimeSpan.FromSeconds(second),
            Source = SampleSource.Agent,
            MemTotal = MiB(total),
            MemFree = MiB(available),
            MemAvailable = MiB(available),
            Anonymous = MiB(held),
            Reason = reason,
        };

    [Fact]
    public void A_steady_guest_demands_what_it_uses_and_a_little_headroom()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        Forecast forecast = model.Take(Sample(0, 700), Sizes(MiB(1000)));
        for (var i = 1; i < 100; i++)
            forecast = model.Take(Sample(i, 700), Sizes(MiB(1000)));
        Assert.Equal(MiB(300), forecast.WorkingSet);
        Assert.InRange(forecast.Demand.Bytes, MiB(370).Bytes, MiB(380).Bytes);
        Assert.False(forecast.Urgent);
    }

    [Fact]
    public void A_growing_guest_demands_what_it_will_need_within_the_horizon()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        Forecast forecast = model.Take(Sample(0, 900), Sizes(MiB(1000)));
        for (var i = 1; i <= 10; i++)
            forecast = model.Take(Sample(i, 900 - (50 * i)), Sizes(MiB(1000)));
        // The forecast is at least 600 used, 50 MiB/s for 3 s, and headroom.
        Assert.True(forecast.Demand > MiB(750 + 48), $"{forecast.Demand}");
    }

    [Fact]
    public void Samples_that_were_held_up_and_come_all_at_once_are_no_burst()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        model.Take(Sample(0, 700), Sizes(MiB(1000)));
        model.Take(Sample(1, 700), Sizes(MiB(1000)));
        var forecast = model.Take(Sample(1.0001, 690), Sizes(MiB(1000)));
        // Taken literally, the guest takes 10 MiB in a tenth of a millisecond, which is 300 GiB within the horizon.
        Assert.True(forecast.Demand < MiB(600), $"{forecast.Demand}");
    }

    [Fact]
    public void A_growing_guest_that_calls_is_heard_as_urgent_and_asks_for_a_leap()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        model.Take(Sample(0, 60, total: 236, held: 120), Sizes(MiB(256)));
        var forecast = model.Take(Sample(0.1, 40, SampleReason.LowMemory, total: 236, held: 140), Sizes(MiB(256)));
        Assert.True(forecast.Urgent);
        Assert.True(forecast.Demand >= MiB(216 + 64));
    }

    [Fact]
    public void An_idle_guest_that_was_shrunk_has_little_and_needs_no_more()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        Forecast forecast = model.Take(Sample(0, 150, total: 236, held: 60), Sizes(MiB(256)));
        for (var i = 1; i < 50; i++)
            forecast = model.Take(
                Sample(i * 0.1, Math.Max(40, 150 - (10 * i)), SampleReason.LowMemory, total: 236, held: 60),
                Sizes(MiB(256), ballooned: Math.Min(110, 10 * i)));
        Assert.False(forecast.Urgent);
        Assert.True(forecast.Demand < MiB(256), $"{forecast.Demand}");
    }

    [Fact]
    public void A_guest_that_stalls_is_urgent_whether_it_grows_or_not() =>
        Assert.True(new DemandModel(VmId.Parse("a"), new()).Take(Sample(0, 100, SampleReason.Stall, total: 236), Sizes(MiB(256))).Urgent);

    [Fact]
    public void A_load_that_ends_leaves_no_headroom_behind()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        model.Take(Sample(0, 180, held: 720), Sizes(MiB(1000)));
        model.Take(Sample(1, 180, held: 720), Sizes(MiB(1000)));
        var forecast = model.Take(Sample(2, 900, held: 0.1), Sizes(MiB(1000)));
        Assert.True(forecast.Demand <= MiB(100 + 72), $"{forecast.Demand}");
    }

    [Fact]
    public void A_size_that_is_a_moment_older_than_the_sample_does_not_hide_what_is_used()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        Assert.Equal(MiB(300), model.Take(Sample(0, 700), Sizes(MiB(256))).WorkingSet);
        Assert.True(model.Take(Sample(1, 700), Sizes(MiB(4000))).WorkingSet < MiB(400));
    }

    [Theory]
    [InlineData(980, "a balloon that deflates on OOM stays within MemTotal")]
    [InlineData(780, "another does not")]
    public void What_is_ballooned_is_not_used(double total, string why)
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        Assert.True(MiB(100) == model.Take(Sample(0, 700, total: total), Sizes(MiB(1000), ballooned: 200)).WorkingSet, why);
    }

    [Fact]
    public void What_was_used_lately_is_not_slack_at_once_but_after_some_half_lives()
    {
        var model = new DemandModel(VmId.Parse("a"), new() { HalfLife = TimeSpan.FromMinutes(5) });
        for (var i = 0; i < 600; i++)
            model.Take(Sample(i, 200), Sizes(MiB(1000)));
        var just = model.Take(Sample(600, 900), Sizes(MiB(1000)));
        Assert.True(just.ShrinkTo > MiB(800), $"{just.ShrinkTo}");
        Forecast later = just;
        for (var i = 601; i < 600 + 3600; i++)
            later = model.Take(Sample(i, 900), Sizes(MiB(1000)));
        Assert.True(later.ShrinkTo < MiB(250), $"{later.ShrinkTo}");
    }

    [Fact]
    public void Free_memory_is_never_demand()
    {
        // The same guest, once with its cache full and once with all of that free: MemAvailable is the same.
        var (full, empty) = (new DemandModel(VmId.Parse("a"), new()), new DemandModel(VmId.Parse("a"), new()));
        for (var i = 0; i < 20; i++)
        {
            foreach (var source in new[] { SampleSource.Agent, SampleSource.BalloonStatistics })
            {
                var sample = Sample(i, 700) with { Source = source };
                Assert.Equal(full.Take(sample with { MemFree = MiB(1) }, Sizes(MiB(1000))), empty.Take(sample, Sizes(MiB(1000))));
            }
        }
    }

    [Fact]
    public void Without_an_agent_half_of_the_cache_counts_as_used_for_good_and_headroom_is_wider()
    {
        var (heard, unheard) = (new DemandModel(VmId.Parse("a"), new()), new DemandModel(VmId.Parse("a"), new()));
        var sample = Sample(0, 700) with { ActiveFile = MiB(200), InactiveFile = MiB(200) };
        for (var i = 0; i <= 3600; i += 60)
        {
            heard.Take(sample with { At = Start + TimeSpan.FromSeconds(i) }, Sizes(MiB(1000)));
            unheard.Take(sample with { At = Start + TimeSpan.FromSeconds(i), Source = SampleSource.BalloonStatistics }, Sizes(MiB(1000)));
        }

        // There was no refault for an hour: the guest with an agent is known not to use its cache. Nothing is known of the other guest's
        // cache.
        Assert.True(heard.Current!.WorkingSet < MiB(310), $"{heard.Current.WorkingSet}");
        Assert.Equal(MiB(500), unheard.Current!.WorkingSet);
        Assert.InRange(unheard.Current.Demand.Bytes, MiB(500 + (75 * 1.5) - 1).Bytes, MiB(500 + (75 * 1.5) + 1).Bytes);
        Assert.True(unheard.Current.ShrinkTo > heard.Current.ShrinkTo + MiB(200), $"{unheard.Current.ShrinkTo}");
    }

    [Fact]
    public void A_forecast_says_what_bound_its_headroom()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        var small = model.Take(Sample(0, 900), Sizes(MiB(1000)));
        Assert.Equal(("dmm.demand.headroom-min", MiB(72)), (small.HeadroomBound, small.Headroom));
        var large = new DemandModel(VmId.Parse("a"), new()).Take(Sample(0, 200), Sizes(MiB(1000)));
        Assert.Equal(("dmm.demand.headroom", MiB(120)), (large.HeadroomBound, large.Headroom));
        for (var i = 1; i < 40; i++)
            large = model.Take(Sample(i, 900 - (i % 2 * 400)), Sizes(MiB(1000)));
        Assert.Equal("the forecast's own error", large.HeadroomBound);
        Assert.InRange((large.Need + large.Headroom).Bytes, large.Demand.Bytes - 1, large.Demand.Bytes + 1);
    }

    [Fact]
    public void What_a_stalling_guest_had_to_swap_out_is_needed_at_once()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        model.Take(Sample(0, 700, held: 300) with { SwapTotal = MiB(4000), SwapFree = MiB(4000) }, Sizes(MiB(1000)));
        var forecast =
            model.Take(
                Sample(1, 0, SampleReason.Stall, held: 1000) with
                {
                    SwapTotal = MiB(4000),
                    SwapFree = MiB(2000),
                    StallSomeMicroseconds = 500_000,
                }, Sizes(MiB(1000)));
        Assert.Equal(MiB(3000), forecast.WorkingSet);
        Assert.True(forecast.Urgent && forecast.Need >= MiB(3000) && forecast.Demand > forecast.Need, $"{forecast}");
    }

    [Fact]
    public void What_was_in_swap_before_anybody_looked_is_not_missed() =>
        Assert.Equal(MiB(300), new DemandModel(VmId.Parse("a"), new())
            .Take(Sample(0, 700) with { SwapTotal = MiB(4000), SwapFree = MiB(3000) }, Sizes(MiB(1000))).WorkingSet);

    [Fact]
    public void What_is_never_read_again_from_swap_is_forgotten_and_what_is_read_is_not()
    {
        static MemorySize AfterAnHour(long swapInsASecond)
        {
            var model = new DemandModel(VmId.Parse("a"), new());
            var forecast = model.Take(Sample(0, 700) with { SwapTotal = MiB(4000), SwapFree = MiB(4000) }, Sizes(MiB(1000)));
            for (var i = 1; i <= 3600; i++)
                forecast = model.Take(
                    Sample(i, 700) with { SwapTotal = MiB(4000), SwapFree = MiB(3500), SwapIns = i * swapInsASecond }, Sizes(MiB(1000)));
            return forecast.WorkingSet;
        }

        Assert.True(AfterAnHour(0) < MiB(310));
        Assert.Equal(MiB(800), AfterAnHour(1));
    }

    [Fact]
    public void Without_swap_growth_that_is_foreseen_is_need_and_with_swap_only_what_is_on_its_way()
    {
        static Forecast Growing(double swap)
        {
            var model = new DemandModel(VmId.Parse("a"), new());
            var forecast = model.Take(Sample(0, 900, held: 100) with { SwapTotal = MiB(swap), SwapFree = MiB(swap) }, Sizes(MiB(1000)));
            for (var i = 1; i <= 10; i++)
                forecast = model.Take(
                    Sample(i, 900 - (50 * i), held: 100 + (50 * i)) with { SwapTotal = MiB(swap), SwapFree = MiB(swap) }, Sizes(MiB(1000)));
            return forecast;
        }

        // 600 are used, and use grows by 50 MiB/s: the need covers half a second, or the horizon of three.
        Assert.InRange(Growing(1000).Need.Mebibytes, 624, 626);
        Assert.InRange(Growing(0).Need.Mebibytes, 745, 751);
        Assert.Equal(Growing(0).Demand, Growing(1000).Demand);
    }

    [Fact]
    public void A_leap_doubles_a_guest_at_most()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        model.Take(Sample(0, 7000, total: 8000, held: 1000), Sizes(MiB(8000)));
        // Taken literally, the guest takes 2 GiB within a tenth of a second, which is 60 GiB within the horizon.
        var forecast = model.Take(Sample(0.1, 5000, total: 8000, held: 3000), Sizes(MiB(8000)));
        Assert.InRange(forecast.Demand.Mebibytes, 3000, 7200);
    }

    [Fact]
    public void A_histogram_tells_quantiles_to_within_a_bucket_and_forgets()
    {
        var histogram = new DecayingHistogram(TimeSpan.FromMinutes(1));
        for (var i = 0; i < 95; i++)
            histogram.Add(MiB(100), 1, Start);
        for (var i = 0; i < 5; i++)
            histogram.Add(MiB(1000), 1, Start);
        Assert.InRange(histogram.Quantile(0.9).Bytes, MiB(100).Bytes, MiB(106).Bytes);
        Assert.InRange(histogram.Quantile(0.99).Bytes, MiB(1000).Bytes, MiB(1060).Bytes);
        // An hour later, 60 half-lives, one second of use weighs more than all that was before.
        histogram.Add(MiB(50), 1, Start + TimeSpan.FromHours(1));
        Assert.InRange(histogram.Quantile(0.99).Bytes, MiB(50).Bytes, MiB(53).Bytes);
    }
}
