using Dmm.Benchmarks.Figures;

namespace Dmm.Benchmarks.Tests;

public sealed class FiguresTests
{
    [Fact]
    public void What_never_came_counts_as_the_largest()
    {
        var some = Distribution.Of([10.0, null, 30.0, 20.0, null]);
        Assert.Equal((5, 2, 10.0, 30.0), (some.Count, some.Missing, some.Least, some.Median));
        Assert.Null(some.P90);
        Assert.Null(some.Most);
        Assert.Equal("30.0 ms (90 %: never, most never; 5)", some.Text("ms"));
    }

    [Fact]
    public void A_figure_between_two_measurements_lies_between_them()
    {
        var four = Distribution.Of([4.0, 1.0, 3.0, 2.0]);
        Assert.Equal((2.5, 3.7, 3.97, 4.0), (four.Median!.Value, four.P90!.Value, four.P99!.Value, four.Most!.Value));
        var one = Distribution.Of([7.0]);
        Assert.Equal((7.0, 7.0, 7.0), (one.Least, one.Median, one.P99));
    }

    [Fact]
    public void Nothing_measured_is_told_as_nothing()
    {
        var nothing = Distribution.Of(Array.Empty<double>());
        Assert.Equal((0, 0), (nothing.Count, nothing.Missing));
        Assert.Null(nothing.Median);
        Assert.Equal("none", nothing.Text("ms"));
        Assert.Throws<InvalidOperationException>(() => Distribution.Middle([]));
    }

    [Fact]
    public void A_table_tells_what_never_came_and_takes_no_row_of_another_width()
    {
        Assert.Equal("30.0 / never / never (2 of 5 never)", MarkdownTable.Spread(Distribution.Of([10.0, null, 30.0, 20.0, null])));
        Assert.Equal("1,235 / 1,235 / 1,235", MarkdownTable.Spread(Distribution.Of([1234.6])));
        var folder = Directory.CreateTempSubdirectory("dmm-bench-test-");
        try
        {
            var table = new MarkdownTable("law", "ms").Add("`dmm`", MarkdownTable.One(0.5)).Add("`mom`", MarkdownTable.One(null));
            Assert.Equal(
                ["| law | ms |", "| --- | --- |", "| `dmm` | 0.50 |", "| `mom` | never |"],
                File.ReadAllLines(table.Write(folder.FullName, "t.md")));
            Assert.Throws<ArgumentException>(() => table.Add("one"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Every_rival_meets_every_round_once_in_an_order_that_changes_and_can_be_repeated()
    {
        string[] rivals = ["a", "b", "c", "d"];
        var order = RunOrder.Of(rivals, 6, seed: 3);
        foreach (var (round, of) in order.GroupBy(o => o.Round).Select(g => (g.Key, g.Select(o => o.Rival).ToList())))
            Assert.True(rivals.Order().SequenceEqual(of.Order()), $"round {round} has {string.Join(' ', of)}");
        Assert.Equal(Enumerable.Range(1, 6), order.Select(o => o.Round).Distinct());
        Assert.True(order.GroupBy(o => o.Round).Select(g => string.Concat(g.Select(o => o.Rival))).Distinct().Count() > 1);
        Assert.Equal(order, RunOrder.Of(rivals, 6, seed: 3));
        Assert.NotEqual(order, RunOrder.Of(rivals, 6, seed: 4));
    }
}
