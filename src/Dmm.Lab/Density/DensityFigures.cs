namespace Dmm.Lab.Density;

/// <summary>The number of VMs that a host holds under one law.</summary>
/// <param name="Mean">The mean over the orders.</param>
/// <param name="Deviation">The sample standard deviation over the orders.</param>
/// <param name="OfOracle">Mean ÷ the mean with perfect foresight; null where the oracle was not among the laws.</param>
/// <param name="Holds">For each order: the most VMs within the bound.</param>
/// <param name="Replays">The number of replays that the search took.</param>
/// <param name="Seconds">The processor seconds that they took.</param>
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

/// <summary>The content of <c>--json</c>.</summary>
/// <param name="Shortfall">The bound: Σ shortfall ÷ Σ need.</param>
/// <param name="Vms">The number of VMs to choose from. A law that holds all of them could hold more.</param>
public sealed record DensityReport(
    long HostMemoryBytes, int Vms, double Shortfall, int Orders, ulong Seed, IReadOnlyList<DensityFigures> Laws);
