namespace Dmm.Core.Tests;

/// <summary>Tests two clocks that are read together, and the conversion of times that one of them showed before it was set.</summary>
public sealed class ClocksTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly Clocks Now = new(Moment.Origin + TimeSpan.FromSeconds(90), Noon);

    [Fact]
    public void While_nobody_sets_a_clock_a_time_is_its_moment_and_back()
    {
        for (var seconds = 0; seconds < 1_000_000; seconds += 997)
        {
            var at = Noon - TimeSpan.FromSeconds(seconds);
            Assert.Equal(at, Now.WallOf(Now.MomentOf(at)));
            Assert.Equal(TimeSpan.FromSeconds(seconds), Now.Now - Now.MomentOf(at));
        }
    }

    [Fact]
    public void What_never_happened_is_older_than_any_age_on_a_host_that_has_just_booted() =>
        Assert.True(Moment.Origin - Moment.LongAgo > TimeSpan.FromDays(36_500));

    [Fact]
    public void What_the_journal_puts_into_the_future_has_happened_just_now() => Assert.Equal(Now.Now, Now.MomentOf(Noon.AddHours(2)));

    /// <summary>Runs over 600 steps of the clock, from milliseconds to decades, with times that were written before them.</summary>
    [Fact]
    public void A_step_of_the_walls_clock_never_makes_a_wait_longer_than_it_was_meant_to_be()
    {
        var random = new Random(7);
        for (var i = 0; i < 600; i++)
        {
            var step = TimeSpan.FromSeconds(Math.Pow(10, (random.NextDouble() * 12) - 3) * (random.Next(2) == 0 ? 1 : -1));
            var (gone, length) = (TimeSpan.FromSeconds(random.NextDouble() * 100), TimeSpan.FromSeconds(random.NextDouble() * 100));
            var began = Noon - gone - step;
            var left = Now.MomentOf(began + length, began) - Now.Now;
            Assert.True(left <= length, $"{left} are left of {length} after a step of {step}");
            if (step >= TimeSpan.Zero)
                Assert.True(left <= length - gone);
        }
    }

    [Fact]
    public void Moments_and_times_at_the_ends_of_what_can_be_said_are_bounded()
    {
        Assert.Equal(Moment.LongAgo, Moment.Origin - TimeSpan.MaxValue);
        Assert.True(Moment.Origin + TimeSpan.MaxValue > Moment.Origin);
        Assert.Equal(DateTimeOffset.MaxValue, Now.WallOf(Now.Now + TimeSpan.MaxValue));
        Assert.True(Now.WallOf(Moment.LongAgo) < Noon);
        Assert.Equal(DateTimeOffset.MinValue, new Clocks(Moment.Origin, DateTimeOffset.MinValue.AddDays(1)).WallOf(Moment.LongAgo));
    }
}
