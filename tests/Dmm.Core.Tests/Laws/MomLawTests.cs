using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

public sealed class MomLawTests
{
    [Theory]
    [InlineData(300, 420)] // uses 100; 5 % of 400 more, above 100 + 20 % of 400
    [InlineData(20, 460)] // uses 380; 380 + 20 % of 400
    public void While_the_host_has_enough_guests_grow(long free, long expected)
    {
        var table = new LawTable(new MomLaw(), 1000).Guest(400, free: free);
        table.Decide();
        Assert.Equal([expected], table.Targets);
    }

    [Fact]
    public void Never_above_what_it_booted_with()
    {
        var table = new LawTable(new MomLaw(), 1000).Guest(400, free: 300, boot: 410);
        table.Decide();
        Assert.Equal([410], table.Targets);
    }

    [Fact]
    public void Under_pressure_a_guest_shrinks_5_percent()
    {
        // 10 % of the host is free. The floor is 200 + 20 % × (10 % ÷ 20 %) × 900 = 290; 95 % of 900 is 855.
        var table = new LawTable(new MomLaw(), 1000).Guest(900, free: 700);
        table.Decide();
        Assert.Equal([855], table.Targets);
    }

    [Fact]
    public void Under_pressure_a_guest_keeps_the_more_the_less_pressure_there_is()
    {
        // 10 % are free, and the guest uses 780: 780 + 10 % × 900 = 870, above 855.
        var table = new LawTable(new MomLaw(), 1000).Guest(900, free: 120);
        table.Decide();
        Assert.Equal([870], table.Targets);
    }

    [Fact]
    public void A_guest_full_of_cache_looks_full_and_is_left_alone()
    {
        // The guest holds 50, and 830 of cache: 880 + 10 % × 900 = 970 is more than it has.
        var table = new LawTable(new MomLaw(), 1000).Guest(900, used: 50, free: 20);
        table.Decide();
        Assert.Equal([900], table.Targets);
    }

    [Fact]
    public void When_it_gets_critical_a_guest_is_made_to_swap()
    {
        // 3 % are free: 960 − 2 % × 970 = 940.6, above 95 % of 970 = 921.5.
        var table = new LawTable(new MomLaw(), 1000).Guest(970, free: 10);
        table.Decide();
        Assert.Equal([940], table.Targets);
    }

    [Fact]
    public void Never_below_min()
    {
        var table = new LawTable(new MomLaw(), 1000).Guest(900, free: 900, min: 880);
        table.Decide();
        Assert.Equal([880], table.Targets);
    }

    [Fact]
    public void Changes_of_a_quarter_per_cent_are_left_out()
    {
        var table = new LawTable(new MomLaw(), 4000).Guest(800, free: 300, boot: 802);
        table.Decide();
        Assert.Equal([800], table.Targets);
        table.Change(0, 800, free: 300, boot: 803).Decide(10);
        Assert.Equal([803], table.Targets);
    }

    [Fact]
    public void Use_is_a_mean_of_50_seconds_and_it_rests_when_time_adds_nothing()
    {
        // The guest needs 380 + 80; then it uses 340. The mean of two looks is 360, of three 353.3, of four 350, of five 348, and once
        // the first is forgotten 340.
        var table = new LawTable(new MomLaw(), 1000).Guest(400, free: 20);
        Assert.Null(table.Decide());
        table.Change(0, 400, free: 60);
        Assert.Equal((10, 440L), (table.Decide(10), table.Targets[0]));
        Assert.Equal((20, 433L), (table.Decide(20), table.Targets[0]));
        Assert.Equal((30, 430L), (table.Decide(30), table.Targets[0]));
        Assert.Equal((40, 428L), (table.Decide(40), table.Targets[0]));
        Assert.Equal((null, 420L), (table.Decide(50), table.Targets[0]));
    }

    [Fact]
    public void Looks_that_were_left_out_saw_what_the_last_one_saw()
    {
        // The guest uses 380 for ten minutes, of which nobody looked for nine and a half, then 340: (4 × 380 + 340) ÷ 5 = 372, plus 80.
        var table = new LawTable(new MomLaw(), 1000).Guest(400, free: 20);
        table.Decide();
        table.Change(0, 400, free: 60).Decide(600);
        Assert.Equal([452], table.Targets);
    }

    [Fact]
    public void What_a_guest_shall_have_free_is_a_setting()
    {
        var table = new LawTable(new MomLaw(0.4), 1000).Guest(400, free: 20);
        table.Decide();
        Assert.Equal([540], table.Targets); // 380 + 40 % of 400
        Assert.Throws<ArgumentOutOfRangeException>(() => new MomLaw(-0.1));
    }
}
