using Dmm.Core.Memory;

namespace Dmm.Core.Demand;

/// <summary>How demand is told from samples. The reasons for the defaults are in config/reference.conf.</summary>
public sealed record DemandSettings
{
    public MemorySize HeadroomMin { get; init; } = MemorySize.FromMiB(72);

    /// <summary>Headroom as a part of what is used, 0 to 1.</summary>
    public double Headroom { get; init; } = 0.15;

    public TimeSpan HalfLife { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The quantile of past use that a voluntary shrink leaves, 0 to 1.</summary>
    public double ShrinkQuantile { get; init; } = 0.95;

    /// <summary>MemAvailable below which a guest that still grows counts as being in need.</summary>
    public MemorySize LowMemory { get; init; } = MemorySize.FromMiB(64);

    /// <summary>How far ahead growth is foreseen: about the time until more memory is usable.</summary>
    public TimeSpan Horizon { get; init; } = TimeSpan.FromSeconds(3);
}
