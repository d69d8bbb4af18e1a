using CsCheck;
using Dmm.Core.Vms;

namespace Dmm.Core.Tests.Vms;

public sealed class SampleBoundsTests
{
    private static readonly MemorySize Limit = MemorySize.FromGiB(2);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly SampleBounds _bounds = new(Limit);

    private static GuestSample Sample(long refaults = 0, long some = 0, long full = 0) => new()
    {
        At = Moment.Origin,
        Source = SampleSource.Agent,
        MemTotal = MemorySize.FromGiB(1),
        MemFree = MemorySize.FromMiB(100),
        MemAvailable = MemorySize.FromMiB(200),
        Refaults = refaults,
        StallSomeMicroseconds = some,
        StallFullMicroseconds = full,
    };

    [Fact]
    public void What_an_honest_guest_says_comes_through_to_the_letter()
    {
        var honest = Sample(5_000_000_000, some: 86_000_000_000, full: 80_000_000_000) with
        {
            Anonymous = MemorySize.FromMiB(300),
            Shmem = MemorySize.FromMiB(50),
            Unreclaimable = MemorySize.FromMiB(80),
            ActiveFile = MemorySize.FromMiB(200),
            InactiveFile = MemorySize.FromMiB(250),
            SwapTotal = MemorySize.FromGiB(8),
            SwapFree = MemorySize.FromGiB(7),
            OomKills = 3,
        };
        Assert.Equal(honest, _bounds.Bound(honest, Second));
        var later = honest with
        {
            Refaults = honest.Refaults + 100_000,
            StallSomeMicroseconds = honest.StallSomeMicroseconds + 900_000,
            StallFullMicroseconds = honest.StallFullMicroseconds + 800_000,
        };
        Assert.Equal(later, _bounds.Bound(later, Second));
    }

    [Fact]
    public void A_counter_rises_by_no_more_than_the_time_allows()
    {
        _bounds.Bound(Sample(100), Second);
        var most = 100 + (SampleBounds.PagesPerSecond * (long)SampleBounds.Unspent.TotalSeconds);
        Assert.Equal(most, _bounds.Bound(Sample(1L << 51), Second).Refaults);
        // The counter has used up its allowance, and goes on from the last value that was believed.
        Assert.Equal(most, _bounds.Bound(Sample((1L << 51) + 1_000_000), TimeSpan.Zero).Refaults);
        Assert.Equal(most + SampleBounds.PagesPerSecond, _bounds.Bound(Sample(long.MaxValue), Second).Refaults);
    }

    [Fact]
    public void Samples_that_were_held_up_and_come_at_once_are_believed()
    {
        _bounds.Bound(Sample(0, some: 0), Second);
        for (var i = 1; i <= 5; i++)
            Assert.Equal(i * 1_000_000, _bounds.Bound(Sample(0, some: i * 1_000_000), TimeSpan.Zero).StallSomeMicroseconds);
    }

    [Fact]
    public void Nobody_stands_still_for_longer_than_goes_by_nor_all_for_longer_than_some()
    {
        _bounds.Bound(Sample(), Second);
        for (var i = 0; i < 100; i++)
            _bounds.Bound(Sample(some: i * 60_000_000L, full: i * 60_000_000L), Second);
        var last = _bounds.Bound(Sample(some: long.MaxValue, full: long.MaxValue), Second);
        Assert.True(last.StallSomeMicroseconds <= 111_000_000 && last.StallFullMicroseconds <= last.StallSomeMicroseconds);
    }

    [Fact]
    public void A_guest_that_boots_anew_counts_on_from_there()
    {
        _bounds.Bound(Sample(5_000), Second);
        Assert.Equal(10, _bounds.Bound(Sample(10), Second).Refaults);
        Assert.Equal(30, _bounds.Bound(Sample(30), Second).Refaults);
    }

    /// <summary>A guest that counts up, down and up again is believed no more than a guest that only counts up.</summary>
    [Fact]
    public void Whatever_a_guest_counts_what_is_believed_rises_no_faster_than_time_allows() => Gen.Long.Array[7].Array[2, 40].Sample(said =>
    {
        var bounds = new SampleBounds(Limit);
        var (last, risen) = (0L, 0L);
        for (var i = 0; i < said.Length; i++)
        {
            var n = said[i];
            var sample = bounds.Bound(
                Sample(n[0], n[1], n[2]) with
                {
                    SwapIns = n[3],
                    SwapOuts = n[4],
                    MajorFaults = n[5],
                    OomKills = n[6],
                    MemTotal = new(n[0] & long.MaxValue),
                    MemFree = new(n[1] & long.MaxValue),
                    SwapFree = new(n[2] & long.MaxValue),
                    Anonymous = new(n[3] & long.MaxValue),
                },
                Second);
            if (i > 0)
                risen += Math.Max(0, sample.Refaults - last);
            last = sample.Refaults;
            Assert.InRange(last, 0, SampleBounds.MostCounted);
            Assert.True(risen <= (i + SampleBounds.Unspent.TotalSeconds) * SampleBounds.PagesPerSecond, $"{risen} pages in {i} s");
            Assert.True(sample.MemTotal <= Limit && sample.MemFree <= sample.MemTotal);
            Assert.True(sample.Anonymous <= sample.MemTotal && sample.SwapFree <= sample.SwapTotal);
        }
    });
}
