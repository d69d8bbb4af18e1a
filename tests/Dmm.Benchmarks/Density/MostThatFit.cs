namespace Dmm.Benchmarks.Density;

/// <summary>
/// Which number of VMs to try next. VMs are dear to start, so it goes up from what surely fits, in steps of two, and one back where two
/// were too many; it takes it that fewer fare no worse.
/// </summary>
internal sealed record MostThatFit(int Fits, int TooMany, int Most)
{
    /// <param name="fits">Taken to fit, without a trial.</param>
    /// <param name="most">There are no more.</param>
    public static MostThatFit From(int fits, int most) => new(fits, most + 1, most);

    /// <summary>Null: it is known.</summary>
    public int? Next => TooMany - Fits <= 1 ? null : TooMany <= Most ? Fits + ((TooMany - Fits) / 2) : Math.Min(Fits + 2, Most);

    public MostThatFit With(int vms, bool fit) => fit ? this with { Fits = vms } : this with { TooMany = vms };
}
