using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

public sealed class NeonLawTests
{
    [Theory]
    [InlineData(600, 1024)] // (600 + 100) ÷ 0.75 = 933: one unit
    [InlineData(700, 2048)] // (700 + 100) ÷ 0.75 = 1067: two
    public void Use_is_three_quarters_of_whole_compute_units(long used, long expected)
    {
        var table = new LawTable(new NeonLaw(), 4096).Guest(1024, used: used, boot: 1024);
        Assert.Null(table.Decide());
        Assert.Equal([expected], table.Targets);
    }

    [Fact]
    public void What_was_swapped_out_is_not_seen()
    {
        var table = new LawTable(new NeonLaw(), 4096).Guest(1024, used: 900, swapped: 300);
        table.Decide();
        Assert.Equal([1024], table.Targets);
    }

    [Fact]
    public void Down_when_the_window_has_passed()
    {
        var table = new LawTable(new NeonLaw(), 4096).Guest(2048, used: 700);
        table.Decide();
        table.Change(0, 2048, used: 300);
        Assert.Equal(60, table.Decide(5));
        for (var minute = 1; minute <= 5; minute++)
            Assert.Equal((minute + 1) * 60, table.Decide(minute * 60));
        Assert.Equal([2048], table.Targets);
        Assert.Null(table.Decide(360));
        Assert.Equal([1024], table.Targets);
    }

    [Fact]
    public void A_guest_that_calls_has_a_unit_more_for_10_seconds()
    {
        // The agent's limit here is 95 %, (8800 + 100) ÷ 0.95 = 9368: ten units. 85 % of 10240 are 8704, so it calls for the eleventh.
        var table = new LawTable(new NeonLaw(0.95), 20_480).Guest(10_240, used: 8800, max: 20_480);
        table.Decide();
        Assert.Equal([10_240], table.Targets);
        Assert.Equal(11, table.Decide(1, LawEvents.Pressure));
        Assert.Equal([11_264], table.Targets);
        Assert.Null(table.Decide(11));
        Assert.Equal([10_240], table.Targets);
    }

    [Fact]
    public void The_scheduler_gives_whole_units_while_there_is_room()
    {
        // Each wants 3072; there are 1536 left: one unit, for the first.
        var table = new LawTable(new NeonLaw(), 3584).Guest(1024, used: 2000).Guest(1024, used: 2000);
        table.Decide();
        Assert.Equal([2048, 1024], table.Targets);
    }

    [Fact]
    public void Between_min_and_max()
    {
        var table = new LawTable(new NeonLaw(), 8192).Guest(512, used: 10, max: 768).Guest(2048, used: 10, min: 1536);
        table.Decide();
        Assert.Equal([768, 1536], table.Targets);
    }

    [Fact]
    public void Use_and_the_unit_are_settings()
    {
        var table = new LawTable(new NeonLaw(0.5, 128L << 20), 4096).Guest(512, used: 300);
        table.Decide();
        Assert.Equal([896], table.Targets); // 400 ÷ 0.5 = 800: seven units
        Assert.Throws<ArgumentOutOfRangeException>(() => new NeonLaw(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new NeonLaw(0.75, 0));
    }
}
