using CsCheck;
using Dmm.Core.Planning;

namespace Dmm.Core.Tests.Planning;

public sealed class WaterFillingTests
{
    private static readonly Gen<(int From, int Floor, int To, int Weight)[]> Vessels =
        Gen.Select(Gen.Int[0, 500], Gen.Int[0, 900], Gen.Int[0, 2000], Gen.Int[1, 3000]).Array[0, 30];

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static long[] Fill(MemorySize budget, params (int From, int Floor, int To, int Weight)[] vessels)
    {
        var line = new WaterFilling();
        line.EnsureCapacity(vessels.Length);
        foreach (var (from, floor, to, weight) in vessels)
            line.Add(MiB(from), MiB(floor), MiB(to), weight);
        line.Fill(budget);
        return [.. Enumerable.Range(0, vessels.Length).Select(i => line[i].Bytes)];
    }

    [Fact]
    public void All_rise_by_their_weight_until_they_are_full() =>
        Assert.Equal(
            [MiB(300).Bytes, MiB(150).Bytes, MiB(550).Bytes], Fill(MiB(1000), (100, 0, 300, 3), (100, 0, 150, 1), (100, 0, 2000, 1)));

    [Fact]
    public void A_floor_above_ones_part_is_kept_and_the_others_have_less() =>
        Assert.Equal(
            [MiB(500).Bytes, MiB(250).Bytes, MiB(250).Bytes], Fill(MiB(1000), (100, 500, 900, 1), (100, 0, 900, 1), (100, 0, 900, 1)));

    [Fact]
    public void One_leaves_its_floor_when_the_level_has_come_to_it() =>
        Assert.Equal(
            [MiB(550).Bytes, MiB(550).Bytes, MiB(400).Bytes], Fill(MiB(1500), (100, 500, 900, 1), (100, 0, 900, 1), (0, 400, 300, 1)));

    [Fact]
    public void Where_floors_are_too_much_nobody_has_more_than_its_own() =>
        Assert.Equal([MiB(500).Bytes, MiB(100).Bytes], Fill(MiB(300), (100, 500, 900, 1), (100, 0, 900, 1)));

    [Fact]
    public void All_of_the_budget_is_spent_but_for_rounding_on_one_level() =>
        Gen.Select(Vessels, Gen.Int[0, 20_000], Gen.Int[0, 1 << 20]).Sample((vessels, mib, bytes) =>
        {
            var budget = MiB(mib) + new MemorySize(bytes);
            var has = Fill(budget, vessels);
            var floors = vessels.Select(v => MiB(Math.Max(v.Floor, v.From)).Bytes).ToArray();
            var tops = vessels.Select((v, i) => Math.Max(MiB(v.To).Bytes, floors[i])).ToArray();
            Assert.InRange(has.Sum(), Math.Min(budget.Bytes, tops.Sum()) - vessels.Length, Math.Max(budget.Bytes, floors.Sum()));
            var level = 0.0;
            for (var i = 0; i < has.Length; i++)
            {
                Assert.InRange(has[i], floors[i], tops[i]);
                if (has[i] > floors[i])
                    level = Math.Max(level, (has[i] - MiB(vessels[i].From).Bytes) / (double)vessels[i].Weight);
            }

            // A vessel that could take more stands at the highest level.
            for (var i = 0; i < has.Length; i++)
                Assert.True(has[i] == tops[i] || has[i] >= MiB(vessels[i].From).Bytes
                    + (level * vessels[i].Weight) - vessels.Length - (2 * vessels[i].Weight), $"{i}: {has[i]}");
        });
}
