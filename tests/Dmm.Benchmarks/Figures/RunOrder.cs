using Dmm.Core;

namespace Dmm.Benchmarks.Figures;

/// <summary>
/// The order in which rivals run the same trial: round by round, each of them once per round, in a new random order for each round, so
/// that other load on the machine affects all alike.
/// </summary>
internal static class RunOrder
{
    public static IReadOnlyList<(int Round, T Rival)> Of<T>(IReadOnlyList<T> rivals, int rounds, ulong seed)
    {
        var chance = new SeededRandom(seed);
        List<(int, T)> order = [];
        for (var round = 1; round <= rounds; round++)
        {
            var left = rivals.ToList();
            while (left.Count > 0)
            {
                var i = chance.Below(left.Count);
                order.Add((round, left[i]));
                left.RemoveAt(i);
            }
        }

        return order;
    }
}
