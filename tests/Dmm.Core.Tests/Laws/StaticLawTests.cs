using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

public sealed class StaticLawTests
{
    [Fact]
    public void Everyone_holds_its_maximum_and_that_is_all()
    {
        var table = new LawTable(new StaticLaw(), 4096).Guest(512, max: 1024).Guest(512, max: 2048);
        Assert.Null(table.Decide());
        Assert.Equal([1024, 2048], table.Targets);
    }

    [Fact]
    public void Who_came_first_is_served_first()
    {
        // 1000 − 3 × 100 (the mins) = 700 are above the mins: 300, 300, and 100 for the last.
        var table = new LawTable(new StaticLaw(), 1000).Guest(100, max: 400).Guest(100, max: 400).Guest(100, max: 400);
        table.Decide();
        Assert.Equal([400, 400, 200], table.Targets);

        // The first leaves, and the third moves up; the guest that now takes the first slot comes last.
        table.Remove(0).Decide();
        Assert.Equal([400, 400], table.Targets[1..]);
        table.Change(0, 100, max: 400).Decide();
        Assert.Equal([200, 400, 400], table.Targets);
    }
}
