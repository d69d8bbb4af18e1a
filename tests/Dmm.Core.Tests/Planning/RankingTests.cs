using CsCheck;
using Dmm.Core.Planning;

namespace Dmm.Core.Tests.Planning;

public sealed class RankingTests
{
    private static int[] Items(Ranking ranking) => [.. Entries(ranking).Select(entry => entry.Item)];

    private static List<Ranking.Entry> Entries(Ranking ranking)
    {
        var entries = new List<Ranking.Entry>();
        foreach (ref readonly var entry in ranking.Sorted())
            entries.Add(entry);
        return entries;
    }

    private static Ranking For(int count)
    {
        var ranking = new Ranking();
        ranking.EnsureCapacity(count);
        return ranking;
    }

    [Fact]
    public void Numbers_rise_and_equals_stay_as_they_were_added() =>
        Gen.OneOf(Gen.Double[0, 1e15], Gen.Int[0, 5].Select(i => i * 0.5), Gen.Const(double.PositiveInfinity), Gen.Double[0, 1e-300])
        .Array[0, 3000].Sample(numbers =>
        {
            var ranking = For(numbers.Length);
            for (var i = 0; i < numbers.Length; i++)
                ranking.AddAscending(numbers[i], i);
            Assert.Equal(numbers.Order(), Entries(ranking).Select(entry => entry.Number));
            Assert.Equal(Enumerable.Range(0, numbers.Length).OrderBy(i => numbers[i]), Items(ranking));
        }, iter: 300);

    [Fact]
    public void The_largest_sizes_and_numbers_come_first() =>
        Gen.OneOf(Gen.Long[0, long.MaxValue], Gen.Long[0, 9], Gen.Long[0, 9999].Select(mib => mib << 20)).Array[0, 3000].Sample(sizes =>
        {
            var (ranking, numbers) = (For(sizes.Length), For(sizes.Length));
            for (var i = 0; i < sizes.Length; i++)
            {
                ranking.AddDescending(new MemorySize(sizes[i]), i);
                numbers.AddDescending((double)sizes[i], i);
            }

            Assert.Equal(Enumerable.Range(0, sizes.Length).OrderByDescending(i => sizes[i]), Items(ranking));
            Assert.Equal(Enumerable.Range(0, sizes.Length).OrderByDescending(i => (double)sizes[i]), Items(numbers));
        }, iter: 300);

    [Fact]
    public void It_is_used_again_and_again()
    {
        var ranking = For(3);
        foreach (var (a, b, c) in new[] { (3, 1, 2), (1, 2, 3), (2, 2, 2) })
        {
            ranking.Clear();
            ranking.AddAscending(a, a);
            ranking.AddAscending(b, b);
            ranking.AddAscending(c, c);
            Assert.Equal(new[] { a, b, c }.Order(), Items(ranking));
        }
    }
}
