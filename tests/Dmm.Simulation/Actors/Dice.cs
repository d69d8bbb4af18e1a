using Dmm.Core;

namespace Dmm.Simulation.Actors;

/// <summary>All chance of a history. A part of the simulation that has dice of its own does not disturb the others' luck.</summary>
internal sealed class Dice(ulong seed)
{
    private readonly SeededRandom _chance = new(seed);

    /// <summary>Other dice, whose luck is independent of how often these are thrown from now on.</summary>
    public Dice Fork() => new(_chance.Next());

    /// <summary>From 0 to <paramref name="below"/> − 1.</summary>
    public int Below(int below) => _chance.Below(below);

    public ulong Seed() => _chance.Next();

    public double Unit() => (_chance.Next() >> 11) * (1.0 / (1UL << 53));

    public bool Chance(double probability) => Unit() < probability;

    public T Of<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    public double Between(double low, double high) => low + (Unit() * (high - low));

    public TimeSpan Seconds(double low, double high) => TimeSpan.FromTicks((long)(Between(low, high) * TimeSpan.TicksPerSecond));
}
