using Dmm.Actors.Journals;

namespace Dmm.Actors.Tests;

public sealed class JournalHealthTests
{
    private static readonly DateTimeOffset At = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private static JournalHealth Well => JournalHealth.Starting(At).Read(At);

    [Fact]
    public void Until_it_has_been_read_nothing_can_be_promised()
    {
        Assert.False(JournalHealth.Starting(At).Writable);
        Assert.True(Well.Writable);
        Assert.Null(Well.Problem);
    }

    [Fact]
    public void With_a_second_a_write_it_is_slow_and_promises_go_on()
    {
        var health = Well;
        for (var i = 1; i <= 60; i++)
        {
            health = health.Look(At.AddSeconds(i), At.AddSeconds(i - 1)).Written(At.AddSeconds(i), TimeSpan.FromSeconds(1));
            Assert.True(health is { Condition: JournalCondition.Slow, Writable: true });
        }

        Assert.Equal("the journal is slow since 12:00:01: the last slow write took 1.0 s", health.Problem);
    }

    [Fact]
    public void One_quick_write_among_slow_ones_does_not_make_it_well()
    {
        var slow = Well.Written(At, TimeSpan.FromSeconds(1));
        Assert.Equal(JournalCondition.Slow, slow.Written(At.AddSeconds(1), TimeSpan.Zero).Condition);
        Assert.Equal(JournalCondition.Well, slow.Written(At + JournalHealth.Calm, TimeSpan.Zero).Condition);
    }

    [Fact]
    public void Where_nothing_more_is_written_it_becomes_well_all_the_same()
    {
        var slow = Well.Written(At, TimeSpan.FromSeconds(1));
        Assert.Equal(JournalCondition.Slow, slow.Look(At.AddSeconds(9), null).Condition);
        Assert.Equal(JournalCondition.Slow, slow.Look(At + JournalHealth.Calm, At.AddSeconds(9)).Condition);
        Assert.Equal(JournalCondition.Well, slow.Look(At + JournalHealth.Calm, null).Condition);
    }

    [Fact]
    public void A_write_that_takes_too_long_stalls_and_ends_slow()
    {
        var stalled = Well.Look(At + JournalHealth.Patience, At);
        Assert.True(stalled is { Condition: JournalCondition.Stalled, Writable: false });
        Assert.Equal(At, stalled.Since);
        Assert.Equal(JournalCondition.Slow, stalled.Written(At.AddSeconds(5), TimeSpan.FromSeconds(5)).Condition);
    }

    [Fact]
    public void It_is_broken_since_it_first_broke_and_for_the_last_reason()
    {
        var broken = Well.Broke(At, "locked").Broke(At.AddSeconds(9), "full");
        Assert.Equal((At, "full"), (broken.Since, broken.Why));
        Assert.Equal(JournalCondition.Broken, broken.Look(At.AddMinutes(1), At).Condition);
        Assert.Equal(JournalCondition.Well, broken.Read(At.AddMinutes(1)).Condition);
    }
}
