using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

public sealed class ProxmoxLawTests
{
    [Fact]
    public void What_is_left_of_80_percent_is_shared_out()
    {
        // The goal is 800 − 2 × 320 = 160. Above the mins are 2 × 220, so (440 + 160) ÷ 2 = 300 above min each.
        var table = new LawTable(new ProxmoxLaw(), 1000).Guest(320, free: 10).Guest(320, free: 10);
        Assert.Null(table.Decide());
        Assert.Equal([400, 400], table.Targets);
    }

    [Fact]
    public void Shares_weigh_what_is_above_min()
    {
        // The goal is 1280 − 1200 = 80. (2 × 500 + 80) = 1080 above the mins are shared 5 : 4: 600 and 480 above min.
        var table = new LawTable(new ProxmoxLaw(), 1600).Guest(600, free: 10, shares: 1250).Guest(600, free: 10, shares: 1000);
        table.Decide();
        Assert.Equal([700, 580], table.Targets);
    }

    [Fact]
    public void A_guest_moves_100_MiB_at_most()
    {
        var table = new LawTable(new ProxmoxLaw(), 10_000).Guest(300, free: 10);
        table.Decide();
        Assert.Equal([400], table.Targets);
        table.Arrive().Decide(10);
        Assert.Equal([500], table.Targets);
    }

    [Theory]
    [InlineData(791, 791)]
    [InlineData(809, 809)]
    [InlineData(789, 800)] // 800 − 789 = 11
    [InlineData(811, 800)] // 800 − 811 = −11
    public void Up_to_10_MiB_from_the_goal_nothing_happens(long actual, long expected)
    {
        var table = new LawTable(new ProxmoxLaw(), 1000).Guest(actual, free: 10);
        table.Decide();
        Assert.Equal([expected], table.Targets);
    }

    [Fact]
    public void Who_has_little_free_memory_grows_first()
    {
        // Free memory of a quarter of min is 25. The goal of 200 is for the first alone: it gets (200 + 200) above min, but only 100 of
        // it now. Otherwise the second would have 400, too.
        var table = new LawTable(new ProxmoxLaw(), 1000).Guest(300, free: 25).Guest(300, free: 26);
        table.Decide();
        Assert.Equal([400, 300], table.Targets);
    }

    [Fact]
    public void Who_has_free_memory_shrinks_first()
    {
        // The goal is 800 − 900 = −100, from the second alone.
        var table = new LawTable(new ProxmoxLaw(), 1000).Guest(450, free: 25).Guest(450, free: 200);
        table.Decide();
        Assert.Equal([450, 350], table.Targets);
    }

    [Fact]
    public void Where_nobody_has_free_memory_all_shrink()
    {
        // The goal is −100. Above the mins are 700 − 100 = 600, 300 each.
        var table = new LawTable(new ProxmoxLaw(), 1000).Guest(500, free: 5).Guest(400, free: 5);
        table.Decide();
        Assert.Equal([400, 400], table.Targets);
    }

    [Fact]
    public void A_guest_above_its_part_gives_even_while_there_is_memory_to_share_out()
    {
        // The goal is 960 − 800 = 160. (400 + 200 + 160) ÷ 2 = 380 above min each: the first shrinks to 480, the second should grow to
        // 480 and grows by 100.
        var table = new LawTable(new ProxmoxLaw(), 1200).Guest(500, free: 5).Guest(300, free: 5);
        table.Decide();
        Assert.Equal([480, 400], table.Targets);
    }

    [Fact]
    public void Page_cache_is_no_free_memory()
    {
        // Both guests use 50 of 450; the second's cache fills the rest, so that only the first shows free memory.
        var table = new LawTable(new ProxmoxLaw(), 1000).Guest(450, used: 50, free: 400).Guest(450, used: 50, free: 10);
        table.Decide();
        Assert.Equal([350, 450], table.Targets);
    }

    [Fact]
    public void Never_above_what_it_booted_with_nor_below_min()
    {
        var up = new LawTable(new ProxmoxLaw(), 10_000).Guest(300, free: 10, boot: 350);
        up.Decide();
        Assert.Equal([350], up.Targets);
        var down = new LawTable(new ProxmoxLaw(), 100).Guest(130, free: 100);
        down.Decide();
        Assert.Equal([100], down.Targets);
    }

    [Fact]
    public void The_part_of_the_host_that_it_fills_is_a_setting()
    {
        // The goal is 900 − 850 = 50.
        var table = new LawTable(new ProxmoxLaw(0.9), 1000).Guest(850, free: 10);
        table.Decide();
        Assert.Equal([900], table.Targets);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ProxmoxLaw(1.01));
    }
}
