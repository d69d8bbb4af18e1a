namespace Dmm.Lab.Density;

/// <summary>How many VMs a host holds under one law.</summary>
/// <param name="Mean">Over the orders.</param>
/// <param name="Deviation">Standard deviation over the orders, of the sample.</param>
/// <param name="OfOracle">Mean ÷ what perfect foresight holds; null where the oracle was not asked.</param>
/// <param name="Holds">For each order: the most VMs within the bound.</param>
/// <param name="Replays">That it took to find out.</param>
/// <param name="Seconds">That they took, of one processor.</param>
public sealed record DensityFigures(
    string Law, double Mean, double Deviation, int Least, int Most, double? OfOracle, IReadOnlyList<int> Holds, int Replays, double Seconds)
{
    internal static DensityFigures Of(string law, IReadOnlyList<int> holds, IReadOnlyList<int>? oracle, int replays, double seconds)
    {
        var mean = holds.Average();
        var deviation = holds.Count < 2 ? 0 : Math.Sqrt(holds.Sum(n => (n - mean) * (n - mean)) / (holds.Count - 1));
        return new(law, mean, deviation, holds.Min(), holds.Max(), oracle is null || oracle.Sum() == 0 ? null : mean / oracle.Average(),
            holds, replays, seconds);
    }
}

/// <summary>What <c>--json</c> holds.</summary>
/// <param name="Shortfall">The bound: Σ shortfall ÷ Σ need.</param>
/// <param name="Vms">That there were to choose from; a law that holds all of them could hold more.</param>
public sealed record DensityReport(
    long HostMemoryBytes, int Vms, double Shortfall, int Orders, ulong Seed, IReadOnlyList<DensityFigures> Laws);
