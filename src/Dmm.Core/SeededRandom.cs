namespace Dmm.Core;

/// <summary>
/// Random numbers from a seed: the same on every machine and in every release, unlike those of <see cref="System.Random"/>. SplitMix64
/// (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
/// </summary>
public sealed class SeededRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        // The sums and products are meant to overflow.
        unchecked
        {
            var z = _state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }

    /// <summary>From 0 to <paramref name="bound"/> − 1; <paramref name="bound"/> is at least 1.</summary>
    public int Below(int bound) => (int)(((Next() >> 32) * (ulong)bound) >> 32);

    /// <summary>From <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public int Between(int low, int high) => low + Below(high - low + 1);

    /// <summary>True in one of <paramref name="times"/> draws, on average.</summary>
    public bool OneIn(int times) => Below(times) == 0;

    public T Of<T>(ReadOnlySpan<T> choices) => choices[Below(choices.Length)];

    /// <summary>
    /// Returns an independent source: the numbers that one part of a history draws then do not change those of another part.
    /// </summary>
    public SeededRandom Split() => new(Next());
}
