using Dmm.Core.Journals;

namespace Dmm.Core.Tests.Journals;

public sealed class JournalHealthTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private static Clocks After(TimeSpan time) => new(Moment.Origin + time, Noon + time);

    private static Clocks After(double seconds) => After(TimeSpan.FromSeconds(seconds));

    private static JournalHealth Well => JournalHealth.Starting(After(0)).Read(After(0));

    [Fact]
    public void Until_it_has_been_read_nothing_can_be_promised()
    {
        Assert.False(JournalHealth.Starting(After(0)).Writable);
        Assert.True(Well.Writable);
        Assert.Null(Well.Problem);
    }

    [Fact]
    public void With_a_second_a_write_it_is_slow_and_promises_go_on()
    {
        var health = Well;
        for (var i = 1; i <= 60; i++)
        {
            health = health.Look(After(i), After(i - 1)).Written(After(i), TimeSpan.FromSeconds(1));
            Assert.True(health is { Condition: JournalCondition.Slow, Writable: true });
        }

        Assert.Equal("the journal has been slow since 12:00:01: the last slow write took 1.0 s", health.Problem);
    }

    [Fact]
    public void One_quick_write_among_slow_ones_does_not_make_it_well()
    {
        var slow = Well.Written(After(0), TimeSpan.FromSeconds(1));
        Assert.Equal(JournalCondition.Slow, slow.Written(After(1), TimeSpan.Zero).Condition);
        Assert.Equal(JournalCondition.Well, slow.Written(After(JournalHealth.Calm), TimeSpan.Zero).Condition);
    }

    [Fact]
    public void Where_nothing_more_is_written_it_becomes_well_all_the_same()
    {
        var slow = Well.Written(After(0), TimeSpan.FromSeconds(1));
        Assert.Equal(JournalCondition.Slow, slow.Look(After(9), null).Condition);
        Assert.Equal(JournalCondition.Slow, slow.Look(After(JournalHealth.Calm), After(9)).Condition);
        Assert.Equal(JournalCondition.Well, slow.Look(After(JournalHealth.Calm), null).Condition);
    }

    [Fact]
    public void A_write_that_takes_too_long_stalls_and_ends_slow()
    {
        var stalled = Well.Look(After(JournalHealth.Patience), After(0));
        Assert.True(stalled is { Condition: JournalCondition.Stalled, Writable: false });
        Assert.Equal(After(0), stalled.Since);
        Assert.Equal(JournalCondition.Slow, stalled.Written(After(5), TimeSpan.FromSeconds(5)).Condition);
    }

    [Fact]
    public void It_is_broken_since_it_first_broke_and_for_the_last_reason()
    {
        var broken = Well.Broke(After(0), "locked").Broke(After(9), "full");
        Assert.Equal((After(0), "full"), (broken.Since, broken.Why));
        Assert.Equal(JournalCondition.Broken, broken.Look(After(60), After(0)).Condition);
        Assert.Equal(JournalCondition.Well, broken.Read(After(60)).Condition);
    }
}
