using Dmm.Core.Demand;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Demand;

/// <summary>A model that goes on from a record forecasts what a model would that never stopped.</summary>
public sealed class RecallTests
{
    private static readonly VmId A = VmId.Parse("a");
    private static readonly DateTimeOffset Wall = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static Clocks At(double seconds, double offset = 0) =>
        new(Moment.Origin + TimeSpan.FromDays(40) + TimeSpan.FromSeconds(seconds + offset), Wall + TimeSpan.FromSeconds(seconds));

    private static VmSizes Sizes(long mib) => new(MiB(mib), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);

    private static GuestSample Sample(double at, long total, long used, double offset = 0) => new()
    {
        At = At(at, offset).Now,
        Source = SampleSource.Agent,
        MemTotal = MiB(total),
        MemFree = MiB(total - used),
        MemAvailable = MiB(total - used),
        Anonymous = MiB(used),
    };

    private static Forecast Take(DemandModel model, double at, long total, long used, double offset = 0) =>
        model.Take(Sample(at, total, used, offset), Sizes(total), At(at, offset).Wall);

    /// <summary>A guest at 8 GiB for hours, and at 1 GiB for the last minutes.</summary>
    private static DemandModel AfterADay(double until = 86_400)
    {
        var model = new DemandModel(A, new());
        for (var at = 0.0; at <= until; at += 30)
            Take(model, at, 12_000, at > until - 300 ? 1_000 : 8_000);
        return model;
    }

    [Fact]
    public void A_restart_in_a_quiet_minute_does_not_make_slack_of_what_the_day_needs()
    {
        var before = AfterADay();
        var record = before.Remember(At(86_401))!;
        var after = new DemandModel(A, new(), ran: true);
        // The host has booted meanwhile: its monotonic clock begins anew.
        after.Recall(record, At(86_405, offset: -80_000));
        var (went, goes) = (Take(before, 86_406, 12_000, 1_000), Take(after, 86_406, 12_000, 1_000, offset: -80_000));
        Assert.InRange(goes.ShrinkTo.Mebibytes, 8_000, 9_700);
        Assert.Equal("past use", goes.Bound);
        Near(went, goes);
        Assert.InRange(Take(new(A, new()), 86_406, 12_000, 1_000).ShrinkTo.Mebibytes, 1_000, 1_300);
    }

    [Fact]
    public void What_a_season_needs_is_known_to_the_next_daemon()
    {
        // Every day at nine it needs 6000 MiB for a quarter of an hour.
        var model = new DemandModel(A, new());
        for (var at = 0.0; at < 2 * 86_400 + (8 * 3600); at += 60)
            Take(model, at, 8_000, at % 86_400 < 900 ? 6_000 : 500);
        var now = (2 * 86_400) + (23 * 3600);
        var next = new DemandModel(A, new());
        next.Recall(model.Remember(At(2 * 86_400 + (8 * 3600)))!, At(now));
        var forecast = Take(next, now + 1, 8_000, 500);
        Assert.Equal("this hour on earlier days", forecast.Bound);
        Assert.InRange(forecast.ShrinkTo.Mebibytes, 6_000, 6_001);
    }

    [Fact]
    public void What_a_shrink_cost_is_known_to_the_next_daemon()
    {
        var model = new DemandModel(A, new());
        for (var at = 0; at < 100; at++)
            Take(model, at, 2_000, 600);
        Take(model, 100, 1_000, 600);
        model.Take(Sample(101, 1_000, 600) with { StallSomeMicroseconds = 900_000 }, Sizes(1_000), At(101).Wall);
        var floor = model.Current!.ShrinkTo;
        Assert.InRange(floor.Mebibytes, 1_990, 2_000);
        var next = new DemandModel(A, new());
        next.Recall(model.Remember(At(101))!, At(102, offset: 999));
        Assert.InRange(Take(next, 103, 1_000, 600, offset: 999).ShrinkTo.Mebibytes, 1_980, 2_000);
        Assert.InRange(Take(next, 103 + 900, 1_000, 600, offset: 999).ShrinkTo.Mebibytes, 1_280, 1_320);
    }

    [Fact]
    public void A_guest_that_ran_before_keeps_what_it_held_until_a_half_life_was_seen()
    {
        var model = new DemandModel(A, new(), ran: true);
        var (last, settled) = (MiB(100_000), MemorySize.Zero);
        for (var at = 0; at <= 3_900; at += 10)
        {
            var forecast = Take(model, at, 8_000, 1_000);
            Assert.True(forecast.ShrinkTo <= last, $"{forecast.ShrinkTo} after {last} at {at} s");
            if (at == 0)
                Assert.Equal((MiB(8_000), "what it held before DMM knew its use"), (forecast.ShrinkTo, forecast.Bound));
            if (at == 1_500)
                Assert.InRange(forecast.ShrinkTo.Mebibytes, 4_000, 6_500);
            if (at == 3_600)
                settled = forecast.ShrinkTo;
            last = forecast.ShrinkTo;
        }

        var newborn = new DemandModel(A, new());
        for (var at = 0; at <= 3_900; at += 10)
            Take(newborn, at, 8_000, 1_000);
        Assert.Equal(newborn.Current!.ShrinkTo, last);
        Assert.InRange(settled.Mebibytes, last.Mebibytes, last.Mebibytes + 60);
    }

    [Fact]
    public void A_guest_that_has_just_booted_gives_its_slack_at_once() =>
        Assert.InRange(Take(new(A, new()), 0, 8_000, 1_000).ShrinkTo.Mebibytes, 1_000, 1_300);

    [Fact]
    public void After_a_long_time_without_a_daemon_what_it_holds_now_counts()
    {
        var next = new DemandModel(A, new(), ran: true);
        next.Recall(AfterADay(7_200).Remember(At(7_200))!, At(7_200 + (86_400 * 3)));
        Assert.InRange(Take(next, 7_200 + (86_400 * 3) + 1, 12_000, 1_000).ShrinkTo.Mebibytes, 11_700, 12_000);
        for (var at = 0; at < 3_700; at += 5)
            Take(next, 7_200 + (86_400 * 3) + 2 + at, 12_000, 1_000);
        // By then nothing is left of three days ago.
        Assert.InRange(next.Current!.ShrinkTo.Mebibytes, 1_000, 1_300);
    }

    [Fact]
    public void A_record_from_the_future_counts_as_one_of_now()
    {
        // Somebody has set the clock back by a day.
        var next = new DemandModel(A, new());
        next.Recall(AfterADay().Remember(At(86_400))!, At(0));
        Assert.InRange(Take(next, 1, 12_000, 1_000).ShrinkTo.Mebibytes, 8_000, 9_700);
    }

    [Fact]
    public void A_record_that_comes_late_is_taken_up_all_the_same()
    {
        var record = AfterADay().Remember(At(86_400))!;
        var (early, late) = (new DemandModel(A, new(), ran: true), new DemandModel(A, new(), ran: true));
        early.Recall(record, At(86_401));
        for (var i = 0; i < 60; i++)
        {
            Take(early, 86_402 + i, 12_000, 1_000);
            Take(late, 86_402 + i, 12_000, 1_000);
        }

        Assert.Equal(MiB(12_000), MemorySize.Max(late.Current!.ShrinkTo, MiB(11_900)).RoundUp(MiB(12_000)));
        late.Recall(record, At(86_402 + 60));
        // The error of the forecast as it was recorded counts in full at first, and then sinks as any other.
        for (var i = 61; i < 120; i++)
        {
            Take(early, 86_402 + i, 12_000, 1_000);
            Take(late, 86_402 + i, 12_000, 1_000);
        }

        Near(early.Current!, late.Current!);
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 12)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_restored_model_forecasts_as_one_that_never_stopped(int seed) => Compare((ulong)seed);

    [Fact]
    [Trait(Category.Name, Category.Long)]
    public void A_restored_model_forecasts_as_one_that_never_stopped_after_many_histories()
    {
        for (var seed = 100UL; seed < 1_100; seed++)
            Compare(seed);
    }

    /// <summary>
    /// A random history in steps of two seconds, cut at a random moment. The first samples after the cut are calm: a trend is not kept.
    /// </summary>
    private static void Compare(ulong seed)
    {
        var chance = new SeededRandom(seed);
        var guest = new AnyGuest(chance);
        var whole = new DemandModel(A, new(), ran: chance.OneIn(2));
        var (cut, offset) = (chance.Between(100, 3_000), chance.Between(-1_000_000, 1_000_000));
        DemandModel? restored = null;
        for (var step = 0; step < cut + 400; step++)
        {
            var at = step * 2.0;
            var (sample, sizes) = guest.Next(calm: step >= cut && step < cut + 30);
            if (step == cut)
            {
                restored = new(A, new(), ran: true);
                restored.Recall(whole.Remember(At(at - 1))!, At(at - 0.5, offset));
            }

            var went = whole.Take(sample with { At = At(at).Now }, sizes, At(at).Wall);
            if (restored is null)
                continue;
            var goes = restored.Take(sample with { At = At(at, offset).Now }, sizes, At(at).Wall);
            if (step >= cut + 30)
                Near(went, goes, $"seed {seed}, step {step}, cut at {cut}: ");
        }
    }

    /// <summary>Within one bucket of the histogram (5 %) and 16 MiB.</summary>
    private static void Near(Forecast went, Forecast goes, string where = "")
    {
        foreach (var (what, a, b) in new[]
        {
            ("working set", went.WorkingSet, goes.WorkingSet), ("demand", went.Demand, goes.Demand), ("need", went.Need, goes.Need),
            ("shrink to", went.ShrinkTo, goes.ShrinkTo),
        })
        {
            var apart = Math.Abs(a.Mebibytes - b.Mebibytes);
            Assert.True(apart <= 16 + (0.055 * a.Mebibytes), $"{where}{what}: {b} instead of {a} ({goes.Bound}, {went.Bound})");
        }

        Assert.True(Math.Abs(went.Harm - goes.Harm) < 0.05, $"{where}harm: {goes.Harm} instead of {went.Harm}");
    }

    public static TheoryData<string> BadParts =>
    [
        "version", "began", "buckets out of order", "bucket too high", "weight not a number", "weight too large", "no weights", "hours",
        "peak", "day", "error", "harm", "floor",
    ];

    [Theory]
    [MemberData(nameof(BadParts))]
    public void A_record_that_no_model_writes_is_refused_whole(string what)
    {
        var good = AfterADay(3_600).Remember(At(3_600))!;
        var size = MemorySize.MostThereIs + MiB(1);
        var bad = what switch
        {
            "version" => good with { Version = 2 },
            "began" => good with { Began = size },
            "buckets out of order" => good with { Use = new([5, 5], [1, 1]) },
            "bucket too high" => good with { Use = new([DecayingHistogram.Buckets], [1]) },
            "weight not a number" => good with { Use = new([5], [double.NaN]) },
            "weight too large" => good with { Use = new([5], [1e300]) },
            "no weights" => good with { Use = new([5], default) },
            "hours" => good with { Seasons = good.Seasons with { DailyMiB = [1] } },
            "peak" => good with { Seasons = good.Seasons with { PeakMiB = -1 } },
            "day" => good with { Seasons = good.Seasons with { DailyDays = [.. Enumerable.Repeat(-5L, 24)] } },
            "error" => good with { ErrorBytes = double.PositiveInfinity },
            "harm" => good with { Harm = 1.5 },
            _ => good with { Floor = good.Floor with { Floor = size } },
        };
        var model = new DemandModel(A, new());
        Assert.Throws<FormatException>(() => model.Recall(bad, At(3_601)));
        Assert.Equal(Take(new(A, new()), 3_602, 4_000, 1_000), Take(model, 3_602, 4_000, 1_000));
    }

    [Fact]
    public void A_record_that_is_of_no_use_is_dropped_alone()
    {
        var models = new DemandModels(new());
        var good = AfterADay(3_600).Remember(At(3_600))!;
        Assert.Null(models.Recall(good with { Vm = VmId.Parse("well") }, At(3_601)));
        Assert.NotNull(models.Recall(good with { Vm = VmId.Parse("bad"), Harm = -1 }, At(3_601)));
        Assert.NotNull(models.Recall(good with { Vm = VmId.Parse("gone") }, At(3_601 + (86_400 * 31))));
        Assert.Equal([VmId.Parse("well")], models.Vms);
        Assert.Empty(models.Current);
        var taken = models.Take(VmId.Parse("bad"), Sample(3_602, 12_000, 1_000), Sizes(12_000), At(3_602).Wall);
        Assert.InRange(taken.Forecast!.ShrinkTo.Mebibytes, 1_000, 1_300);
        Assert.InRange(
            models.Take(VmId.Parse("well"), Sample(3_602, 12_000, 1_000), Sizes(12_000), At(3_602).Wall).Forecast!.ShrinkTo.Mebibytes,
            8_000, 9_700);
        Assert.Null(models.Remember(VmId.Parse("gone"), At(3_603)));
        Assert.Equal(VmId.Parse("well"), models.Remember(VmId.Parse("well"), At(3_603))?.Vm);
    }

    /// <summary>A guest with programs, cache, swap and stalls that change at random; its VM is resized at random.</summary>
    private sealed class AnyGuest(SeededRandom chance)
    {
        private int _total = 4_096;
        private int _used = 1_000;
        private int _cache = 800;
        private int _active = 300;
        private int _swapped;
        private int _refaults;
        private int _stalled;
        private int _swapIns;

        public (GuestSample Sample, VmSizes Sizes) Next(bool calm)
        {
            if (!calm)
                Change();
            _used = Math.Clamp(_used, 100, _total - 200);
            _cache = Math.Clamp(_cache, 0, _total - _used - 50);
            _active = Math.Min(_active, _cache);
            return (
                new()
                {
                    At = default,
                    Source = SampleSource.Agent,
                    MemTotal = MiB(_total),
                    MemFree = MiB(_total - _used - _cache),
                    MemAvailable = MiB(_total - _used),
                    Anonymous = MiB(_used),
                    ActiveFile = MiB(_active),
                    InactiveFile = MiB(_cache - _active),
                    SwapTotal = MiB(2_048),
                    SwapFree = MiB(2_048 - _swapped),
                    Refaults = _refaults,
                    StallSomeMicroseconds = _stalled,
                    SwapIns = _swapIns,
                },
                Sizes(_total));
        }

        private void Change()
        {
            if (chance.OneIn(40))
                _used = chance.Between(100, _total - 200);
            _used += chance.Between(-20, 20);
            if (chance.OneIn(60))
                _cache = chance.Between(0, 2_000);
            if (chance.OneIn(50))
                _active = chance.Between(0, 600);
            if (chance.OneIn(80))
                _swapped = chance.Between(0, 500);
            if (chance.OneIn(30))
                _refaults += chance.Between(0, 20_000);
            if (chance.OneIn(30))
                _stalled += chance.Between(0, 1_500_000);
            if (chance.OneIn(30))
                _swapIns += chance.Between(0, 1_000);
            if (chance.OneIn(100))
                _total = chance.Between(1_024, 8_192);
        }
    }
}
