using Dmm.Core;

namespace Dmm.Simulation.Worlds;

/// <summary>Draws of fractions and times.</summary>
internal static class Chances
{
    /// <summary>A number from 0 up to, but not including, 1.</summary>
    public static double Unit(this SeededRandom dice) => (dice.Next() >> 11) * (1.0 / (1UL << 53));

    public static bool Chance(this SeededRandom dice, double probability) => dice.Unit() < probability;

    public static double Within(this SeededRandom dice, double low, double high) => low + (dice.Unit() * (high - low));

    public static TimeSpan Seconds(this SeededRandom dice, double low, double high) =>
        TimeSpan.FromTicks((long)(dice.Within(low, high) * TimeSpan.TicksPerSecond));
}
