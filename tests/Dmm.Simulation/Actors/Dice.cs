using Dmm.Core;

namespace Dmm.Simulation.Actors;

/// <summary>
/// The source of randomness of a history. A part of the simulation that has its own dice does not change the random numbers of the
/// others.
/// </summary>
internal sealed class Dice(ulong seed)
{
    private readonly SeededRandom _chance = new(seed);

    /// <summary>Other dice, whose numbers do not depend on how often these dice are used from now on.</summary>
    public Dice Fork() => new(_chance.Next());

    /// <summary>A number from 0 to <paramref name="below"/> − 1.</summary>
    public int Below(int below) => _chance.Below(below);

    public ulong Seed() => _chance.Next();

    public double Unit() => (_chance.Next() >> 11) * (1.0 / (1UL << 53));

    public bool Chance(double probability) => Unit() < probability;

    public T Of<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    public double Between(double low, double high) => low + (Unit() * (high - low));

    public TimeSpan Seconds(double low, double high) => TimeSpan.FromTicks((long)(Between(low, high) * TimeSpan.TicksPerSecond));
}
