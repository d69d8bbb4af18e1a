using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

public sealed class EsxLawTests
{
    /// <summary>
    /// A host of 2000, of which guests may hold 1880; 120 are its 6 %. The first guest uses all that it has, the second a little.
    /// </summary>
    private static LawTable Two(ILaw law, long actual = 900) =>
        new LawTable(law, 2000).Guest(1000, used: 1000, max: 1500).Guest(actual, used: 100, max: 1500);

    [Fact]
    public void Unless_memory_is_overcommitted_everyone_has_its_maximum()
    {
        var table = new LawTable(new EsxLaw(), 2000).Guest(100, used: 50, max: 900).Guest(100, used: 50, max: 900);
        Assert.Null(table.Decide());
        Assert.Equal([900, 900], table.Targets);
    }

    [Fact]
    public void Idle_memory_is_taxed()
    {
        // k = 4. Both must have the same cost x: 1000 + (x − 1000) ÷ 4 and 100 + (x − 100) ÷ 4 are 1880 together, so x = 2110.
        var table = Two(new EsxLaw());
        table.Decide();
        Assert.Equal([1277, 602], table.Targets);
    }

    [Fact]
    public void Without_a_tax_shares_alone_decide()
    {
        var table = Two(new EsxLaw(0));
        table.Decide();
        Assert.Equal([940, 940], table.Targets);
        Assert.Throws<ArgumentOutOfRangeException>(() => new EsxLaw(1));
    }

    [Fact]
    public void Shares_are_worth_less_for_memory_that_would_be_idle()
    {
        // All of 950 is active, and anything more would be idle: x, and 950 + (2 x − 950) ÷ 4, are 1880 together, so x = 778.3.
        var table = new LawTable(new EsxLaw(), 2000).Guest(950, used: 950, max: 1500).Guest(950, used: 950, max: 1500, shares: 2000);
        table.Decide();
        Assert.Equal([778, 1101], table.Targets);
    }

    [Fact]
    public void While_6_percent_are_free_nothing_is_reclaimed()
    {
        // 2000 − 1880 = 120 are free: the high state; the second keeps its 880, the first may have 1277.
        var table = Two(new EsxLaw(), 880);
        table.Decide();
        Assert.Equal([1277, 880], table.Targets);
    }

    [Fact]
    public void A_state_is_left_only_well_above_its_threshold()
    {
        var table = Two(new EsxLaw());
        table.Decide();
        Assert.Equal(602, table.Targets[1]);

        // 6.5 % are free: the state is still soft. With 7.5 % it is high.
        table.Change(1, 870, used: 100, max: 1500).Decide(15);
        Assert.Equal(602, table.Targets[1]);
        table.Change(1, 850, used: 100, max: 1500).Decide(15);
        Assert.Equal(850, table.Targets[1]);
    }

    [Fact]
    public void With_hardly_anything_free_nobody_grows()
    {
        // 1.5 % are free.
        var table = Two(new EsxLaw(), 970);
        table.Decide();
        Assert.Equal([1000, 602], table.Targets);
    }

    [Fact]
    public void More_activity_is_believed_at_once_and_less_slowly()
    {
        var table = Two(new EsxLaw());
        table.Decide();

        // The first guest becomes idle. After one sample of that the slow average is 0.9: 900 + (x − 900) ÷ 4 and 100 + (x − 100) ÷ 4, x
        // = 2260.
        table.Change(0, 1000, used: 0, max: 1500);
        Assert.Equal(30, table.Decide(15));
        Assert.Equal([1277, 602], table.Targets);
        Assert.Equal(60, table.Decide(30));
        Assert.Equal([1240, 640], table.Targets);

        // 0.9ⁿ is below 0.005 from n = 51 on: now the guest counts as idle, 0 + x ÷ 4 and 100 + (x − 100) ÷ 4, x = 3610.
        Assert.Null(table.Decide(51 * 30));
        Assert.Equal([902, 977], table.Targets);

        table.Change(0, 1000, used: 1000, max: 1500).Decide((51 * 30) + 15);
        Assert.Equal([1277, 602], table.Targets);
    }
}
