using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

/// <summary>
/// Buckets end at 10⁷ × (1.05ⁿ − 1) ÷ 0.05 bytes: 300 MiB is below the end at n = 20 (330.66 MB), 614.4 MiB below that at n = 30 (664.39
/// MB), 1000 MiB below that at n = 38 (1077.1 MB). With 15 % more the ends are 362.6 MiB, 728.6 MiB and 1181.3 MiB.
/// </summary>
public sealed class VpaLawTests
{
    private const double Day = 86_400;

    [Fact]
    public void After_half_a_day_a_guest_stands_at_its_peak_and_15_percent()
    {
        // With so short a history any size is within the range.
        var table = new LawTable(new VpaLaw(), 4096).Guest(2048, used: 1000);
        Assert.Equal(Day / 2, table.Decide());
        Assert.Equal([2048], table.Targets);
        Assert.Null(table.Decide(Day / 2));
        Assert.Equal([1181], table.Targets);
    }

    [Fact]
    public void A_size_within_10_percent_is_left_until_the_range_is_narrow_enough()
    {
        // 1250 is 5.8 % too much. The range's upper end is 1181.3 × (1 + 1 ÷ days), which is below 1250 from 17.19 days on.
        var table = new LawTable(new VpaLaw(), 4096).Guest(1250, used: 1000);
        var next = table.Decide();
        Assert.InRange(next ?? 0, 17.1 * Day, 17.3 * Day);
        table.Decide(17 * Day);
        Assert.Equal([1250], table.Targets);
        table.Decide(17.3 * Day);
        Assert.Equal([1181], table.Targets);
    }

    [Fact]
    public void Running_out_of_memory_counts_as_a_peak_of_a_fifth_more()
    {
        // 512 × 1.2 = 614.4 is more than 512 + 100.
        var table = new LawTable(new VpaLaw(), 4096).Guest(512, used: 700, swapped: 188);
        table.Decide();
        Assert.Equal([728], table.Targets);
    }

    [Fact]
    public void A_node_without_room_gives_nothing_of_a_growth()
    {
        var table = new LawTable(new VpaLaw(), 700).Guest(512, used: 700, swapped: 188);
        table.Decide();
        Assert.Equal([512], table.Targets);
        table.Memory = 729;
        table.Decide(60);
        Assert.Equal([728], table.Targets);
    }

    [Fact]
    public void An_old_peak_weighs_half_as_much_each_day()
    {
        var table = new LawTable(new VpaLaw(), 4096).Guest(1182, used: 1000);
        table.Decide();
        table.Change(0, 1182, used: 300);

        // Two days at 300 weigh 1 + ½ of 1¾, which is less than 90 %; three weigh 1¾ of 1⅞, which is more.
        Assert.Equal(Day * 2, table.Decide(Day));
        Assert.Equal(Day * 3, table.Decide(2 * Day));
        Assert.Equal([1182], table.Targets);
        table.Decide(3 * Day);
        Assert.Equal([362], table.Targets);
    }

    [Fact]
    public void Days_at_which_nobody_looked_were_as_the_last_one()
    {
        var table = new LawTable(new VpaLaw(), 4096).Guest(363, used: 300);
        table.Decide();
        table.Decide(Day / 2);

        // The guest uses 300 for ten days, of which nobody looked for nine and a half; then 1000. Today weighs 1, all days before 1 −
        // 2⁻¹⁰: even the median is 1000.
        table.Change(0, 1200, used: 1000).Decide(10 * Day);
        Assert.Equal([1181], table.Targets);

        // Only the last of the four days at 300 since then was looked at: 1⅞ of nearly 2 are more than 90 %.
        table.Change(0, 1200, used: 300).Decide((10 * Day) + 60);
        table.Decide(14 * Day);
        Assert.Equal([362], table.Targets);
    }

    [Fact]
    public void At_least_250_MiB_unless_its_max_is_lower()
    {
        var table = new LawTable(new VpaLaw(), 4096).Guest(512, used: 20).Guest(128, used: 20, max: 200);
        table.Decide();
        table.Decide(Day / 2);
        Assert.Equal([250, 200], table.Targets);
    }

    [Fact]
    public void The_margin_is_a_setting()
    {
        var table = new LawTable(new VpaLaw(0), 4096).Guest(2048, used: 1000);
        table.Decide();
        table.Decide(Day / 2);
        Assert.Equal([1027], table.Targets); // 1077.1 MB
        Assert.Throws<ArgumentOutOfRangeException>(() => new VpaLaw(-0.1));
    }
}
