namespace Dmm.Benchmarks.Density;

/// <summary>
/// Chooses the number of VMs to try next. Starting VMs is expensive, so it goes up in steps of two from a number that surely fits, and
/// back by one if two were too many. It assumes that fewer VMs never perform worse.
/// </summary>
internal sealed record MostThatFit(int Fits, int TooMany, int Most)
{
    /// <param name="fits">The number that is assumed to fit, without a trial.</param>
    /// <param name="most">The highest number there is.</param>
    public static MostThatFit From(int fits, int most) => new(fits, most + 1, most);

    /// <summary>The next number to try; null: the result is known.</summary>
    public int? Next => TooMany - Fits <= 1 ? null : TooMany <= Most ? Fits + ((TooMany - Fits) / 2) : Math.Min(Fits + 2, Most);

    public MostThatFit With(int vms, bool fit) => fit ? this with { Fits = vms } : this with { TooMany = vms };
}
