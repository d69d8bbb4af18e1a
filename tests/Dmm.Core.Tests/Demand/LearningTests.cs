using Dmm.Core.Demand;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Demand;

/// <summary>The facts that are learnt of a guest over time: shrinks that hurt, cache that is used, hours that repeat.</summary>
public sealed class LearningTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 5, 0, 0, 0, TimeSpan.Zero);

    private static MemorySize MiB(double mib) => MemorySize.FromBytes(mib * (1 << 20));

    private static VmSizes Sizes(double actual) => new(MiB(actual), default, default, default, default);

    private static GuestSample Sample(
        double second, double total, double available, double stalledMs = 0, double activeFile = 0, long refaults = 0) => new()
        {
            At = Moment.Origin + TimeSpan.FromSeconds(second),
            Source = SampleSource.Agent,
            MemTotal = MiB(total),
            MemFree = MiB(available),
            MemAvailable = MiB(available),
            ActiveFile = MiB(activeFile),
            InactiveFile = MiB(activeFile),
            Refaults = refaults,
            StallSomeMicroseconds = (long)(stalledMs * 1000),
        };

    [Fact]
    public void A_shrink_that_hurts_is_given_back_at_once_and_leaves_a_floor_that_sinks()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        for (var i = 0; i < 10; i++)
            model.Take(Sample(i, 1000, 800), Sizes(1000));
        model.Take(Sample(10, 1000, 200), Sizes(400));
        var hurt = model.Take(Sample(11, 1000, 200, stalledMs: 100), Sizes(400));
        Assert.True(hurt.Urgent);
        Assert.True(hurt.Demand >= MiB(1000), $"{hurt.Demand}");

        var calm = model.Take(Sample(12, 1000, 800, stalledMs: 100), Sizes(1000));
        for (var i = 13; i < 100; i++)
            calm = model.Take(Sample(i, 1000, 800, stalledMs: 100), Sizes(1000));
        Assert.False(calm.Urgent);
        Assert.True(calm.Demand < MiB(400));
        Assert.InRange(calm.ShrinkTo.Bytes, MiB(900).Bytes, MiB(1000).Bytes);
        Assert.Equal("a shrink that hurt", calm.Bound);
        for (var i = 1; i < 8; i++)
            calm = model.Take(Sample(100 + (i * 900), 1000, 800, stalledMs: 100), Sizes(1000));
        Assert.True(calm.ShrinkTo < MiB(300), $"{calm.ShrinkTo}");
    }

    [Fact]
    public void A_stall_without_a_shrink_before_it_raises_no_floor()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        for (var i = 0; i < 10; i++)
            model.Take(Sample(i, 1000, 800, stalledMs: 100 * i), Sizes(1000));
        Assert.True(model.Current!.Demand < MiB(400));
        Assert.True(model.Current.Harm > 0.05);
    }

    [Fact]
    public void Cache_that_nobody_reads_again_is_found_and_cache_that_is_read_again_is_kept()
    {
        var (idle, busy) = (new DemandModel(VmId.Parse("idle"), new()), new DemandModel(VmId.Parse("busy"), new()));
        for (var i = 0; i < 3600; i++)
        {
            idle.Take(Sample(i, 1000, 800, activeFile: 300), Sizes(1000));
            // 256 pages, which are 1 MiB, are read again each second.
            busy.Take(Sample(i, 1000, 800, activeFile: 300, refaults: 256 * i), Sizes(1000));
        }

        Assert.True(idle.Current!.WorkingSet < MiB(200 + 10), $"{idle.Current.WorkingSet}");
        Assert.True(busy.Current!.WorkingSet > MiB(200 + 290), $"{busy.Current.WorkingSet}");
    }

    [Fact]
    public void An_hour_that_needed_much_on_earlier_days_is_expected_to_again()
    {
        var seasons = new Seasons();
        for (var day = 0; day < 3; day++)
        {
            for (var minute = 0; minute < 24 * 60; minute += 10)
                seasons.Learn(MiB(minute / 60 == 9 ? 900 : 100), Start.AddDays(day).AddMinutes(minute));
        }

        Assert.Equal(MiB(900), seasons.Expected(Start.AddDays(3).AddHours(8.5)));
        Assert.Equal(MiB(900), seasons.Expected(Start.AddDays(3).AddHours(9.5)));
        Assert.Equal(MiB(100), seasons.Expected(Start.AddDays(3).AddHours(11)));
    }

    [Fact]
    public void Weekends_are_told_from_weekdays_once_a_week_was_seen()
    {
        var seasons = new Seasons();
        for (var day = 0; day < 14; day++)
        {
            var works = Start.AddDays(day).DayOfWeek is not (DayOfWeek.Saturday or DayOfWeek.Sunday);
            for (var hour = 0; hour < 24; hour++)
                seasons.Learn(MiB(works && hour == 9 ? 900 : 100), Start.AddDays(day).AddHours(hour));
        }

        // Start is a Monday.
        Assert.Equal(MiB(900), seasons.Expected(Start.AddDays(14).AddHours(9)));
        Assert.Equal(MiB(100), seasons.Expected(Start.AddDays(19).AddHours(9)));
    }

    [Fact]
    public void Nothing_is_expected_of_what_was_never_seen() => Assert.Equal(MemorySize.Zero, new Seasons().Expected(Start));

    [Fact]
    public void What_hurt_counts_at_once_and_is_forgotten_over_minutes()
    {
        var model = new DemandModel(VmId.Parse("a"), new());
        model.Take(Sample(0, 1000, 800), Sizes(1000));
        for (var i = 1; i <= 10; i++)
            model.Take(Sample(i, 1000, 800, stalledMs: 500 * i), Sizes(1000));
        Assert.InRange(model.Current!.Harm, 0.49, 0.5);
        for (var i = 11; i <= 70; i++)
            model.Take(Sample(i, 1000, 800, stalledMs: 5000), Sizes(1000));
        Assert.InRange(model.Current!.Harm, 0.24, 0.26);
    }

    [Fact]
    public void Harm_is_the_part_of_the_time_that_stood_still_or_what_reading_again_costs()
    {
        Assert.Equal(0.2, Harm.Between(Sample(0, 1000, 100), Sample(1, 1000, 100, stalledMs: 200)), 6);
        var (before, after) = (Sample(0, 1000, 100), Sample(1, 1000, 100) with { SwapIns = 1000 });
        Assert.Equal(0.1, Harm.Between(before, after), 6);
        Assert.Equal(0, Harm.Between(after, before with { At = after.At }));
    }
}
