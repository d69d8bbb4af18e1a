using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

public sealed class SqueezedLawTests
{
    [Fact]
    public void All_stand_at_the_same_part_of_their_range()
    {
        // Above the mins and the pool of 64 there are 1064 − 64 − 200 = 800 for 800 + 400: γ = 2/3.
        var table = new LawTable(new SqueezedLaw(), 1064).Guest(500, max: 900).Guest(300, max: 500);
        table.Decide(0, LawEvents.Population);
        Assert.Equal([633, 366], table.Targets);
        Assert.Null(table.Arrive().Decide(1));
    }

    [Fact]
    public void Need_is_not_looked_at()
    {
        var table = new LawTable(new SqueezedLaw(), 1064).Guest(500, used: 490, max: 900).Guest(500, used: 10, max: 900);
        table.Decide(0, LawEvents.Population);
        Assert.Equal([500, 500], table.Targets);
    }

    [Fact]
    public void More_than_all_can_have_is_left_free()
    {
        var table = new LawTable(new SqueezedLaw(), 4096).Guest(500, max: 900, boot: 500);
        table.Decide(0, LawEvents.Population);
        Assert.Equal([900], table.Targets);
    }

    [Fact]
    public void Shrinks_come_first_and_growths_when_all_is_back()
    {
        var table = new LawTable(new SqueezedLaw(), 1064).Guest(900, max: 900).Guest(100, max: 500);
        table.Decide(0, LawEvents.Population);
        Assert.Equal([633, 100], table.Targets);
        table.Change(0, 700, max: 900).Decide(1);
        Assert.Equal([633, 100], table.Targets);
        table.Arrive().Decide(2, LawEvents.Confirmed);
        Assert.Equal([633, 366], table.Targets);
    }

    [Fact]
    public void A_guest_without_progress_for_more_than_5_s_is_passed_over_until_it_moves()
    {
        // γ = (100 + 800) ÷ 1200 = 3/4. Without the first guest, which gives nothing, there are 100 for the second's range of 400: a
        // quarter of it.
        var table = new LawTable(new SqueezedLaw(), 1164).Guest(900, max: 900).Guest(100, max: 500);
        var next = table.Decide(0, LawEvents.Population);
        Assert.InRange(next ?? 0, 5, 5.001);
        Assert.Equal([700, 100], table.Targets);
        table.Decide(5);
        Assert.Equal([700, 100], table.Targets);
        table.Decide(6);
        Assert.Equal([700, 200], table.Targets);

        // The first guest moves again: both stand at 3/4.
        table.Arrive().Decide(60);
        Assert.Equal([700, 400], table.Targets);
    }

    [Fact]
    public void A_new_guest_makes_it_try_again_with_a_guest_that_was_passed_over()
    {
        var table = new LawTable(new SqueezedLaw(), 1164).Guest(900, max: 900);
        table.Guest(100, max: 500).Decide(0, LawEvents.Population);
        table.Decide(6);
        Assert.Equal(200, table.Targets[1]);
        table.Arrive().Change(0, 900, max: 900);
        table.Guest(0, max: 500, min: 0).Decide(7, LawEvents.Population);
        // 1164 − 64 − 1100 = 0 are free, 800 and 100 are above the mins: γ = 900 ÷ 1700. The first is asked to give again: 100 + 0.529 ×
        // 800.
        Assert.Equal([523, 200, 0], table.Targets);
    }
}
