using Dmm.Core.Demand;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Demand;

public sealed class DemandTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static MemorySize MiB(double mib) => MemorySize.FromBytes(mib * (1 << 20));

    private static VmSizes Sizes(MemorySize total, double ballooned = 0) => new(total, MemorySize.Zero, MiB(ballooned), MemorySize.Zero, MiB(ballooned));

    private static GuestSample Sample(double second, double available, SampleReason reason = SampleReason.Periodic, double total = 1000, double held = 0) => new()
    {
        At = Start.AddSeconds(second),
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
        // 600 used, 50 MiB/s for 3 s, and headroom.
        Assert.True(forecast.Demand > MiB(750 + 48), $"{forecast.Demand}");
    }

    [Fact]
    public void Samples_that_were_held_up_and_come_all_at_once_are_no_burst()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        model.Take(Sample(0, 700), Sizes(MiB(1000)));
        model.Take(Sample(1, 700), Sizes(MiB(1000)));
        var forecast = model.Take(Sample(1.0001, 690), Sizes(MiB(1000)));
        // At its word: 10 MiB in a tenth of a millisecond, 300 GiB within the horizon.
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
            forecast = model.Take(Sample(i * 0.1, Math.Max(40, 150 - (10 * i)), SampleReason.LowMemory, total: 236, held: 60), Sizes(MiB(256), ballooned: Math.Min(110, 10 * i)));
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
        histogram.Add(MiB(50), 1, Start.AddHours(1));
        Assert.InRange(histogram.Quantile(0.99).Bytes, MiB(50).Bytes, MiB(53).Bytes);
    }
}
