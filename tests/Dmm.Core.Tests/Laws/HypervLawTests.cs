using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

public sealed class HypervLawTests
{
    [Fact]
    public void Demand_and_a_fifth_is_given_at_once_beyond_what_it_booted_with()
    {
        var table = new LawTable(new HypervLaw(), 4096).Guest(300, used: 500, swapped: 200, boot: 300);
        Assert.Null(table.Decide());
        Assert.Equal([600], table.Targets);
    }

    [Fact]
    public void Much_too_much_is_taken_after_five_minutes()
    {
        // The guest should have 120; more than 20 above that is much.
        var table = new LawTable(new HypervLaw(), 4096).Guest(400, used: 100);
        Assert.Equal(300, table.Decide());
        Assert.Equal(300, table.Decide(299));
        Assert.Equal([400], table.Targets);
        Assert.Null(table.Decide(300));
        Assert.Equal([120], table.Targets);
    }

    [Fact]
    public void A_little_too_much_stays()
    {
        var table = new LawTable(new HypervLaw(), 4096).Guest(140, used: 100);
        Assert.Null(table.Decide());
        table.Decide(300);
        Assert.Equal([140], table.Targets);
    }

    [Fact]
    public void What_one_needs_is_taken_at_once_from_what_others_have_too_much()
    {
        // 600 and 120 are wanted; 1000 − 720 = 280 of the 480 that the second has too much may stay.
        var table = new LawTable(new HypervLaw(), 1000).Guest(300, used: 500).Guest(600, used: 100);
        table.Decide();
        Assert.Equal([600, 400], table.Targets);
    }

    [Fact]
    public void Too_little_for_all_is_shared_by_weight_above_the_mins()
    {
        // Each wants 960; 1000 − 200 are shared 3 : 1.
        var table = new LawTable(new HypervLaw(), 1000).Guest(500, used: 800, shares: 3000).Guest(500, used: 800, shares: 1000);
        table.Decide();
        Assert.InRange(table.Targets[0], 699, 700);
        Assert.InRange(table.Targets[1], 299, 300);
    }

    [Fact]
    public void The_buffer_is_a_setting()
    {
        var table = new LawTable(new HypervLaw(0.5), 4096).Guest(100, used: 100);
        table.Decide();
        Assert.Equal([150], table.Targets);
        Assert.Throws<ArgumentOutOfRangeException>(() => new HypervLaw(-0.1));
    }
}
