namespace Dmm.Core.Demand;

/// <summary>How demand is estimated from samples. The reasons for the defaults are in config/reference.conf.</summary>
public sealed record DemandSettings
{
    public MemorySize HeadroomMin { get; init; } = MemorySize.FromMiB(72);

    /// <summary>Headroom as a part of what is used, 0 to 1.</summary>
    public double Headroom { get; init; } = 0.15;

    public TimeSpan HalfLife { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Half-life of the part of the page cache that counts as used, while nothing has to be read again.</summary>
    public TimeSpan ProbeHalfLife { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Half-life of the floor that a hurtful shrink has left.</summary>
    public TimeSpan FloorHalfLife { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>The quantile of past use that a voluntary shrink leaves, 0 to 1.</summary>
    public double ShrinkQuantile { get; init; } = 0.98;

    /// <summary>
    /// Whether a voluntary shrink leaves what this hour needed on earlier days. The lab turns this off to measure what less slack would
    /// cost.
    /// </summary>
    public bool Seasons { get; init; } = true;

    /// <summary>How often what the models have learnt is written down for the next daemon.</summary>
    public TimeSpan SavePeriod { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A guest that still grows counts as being in need when its MemAvailable is below this.</summary>
    public MemorySize LowMemory { get; init; } = MemorySize.FromMiB(64);

    /// <summary>How far ahead growth is foreseen: about the time until more memory is usable.</summary>
    public TimeSpan Horizon { get; init; } = TimeSpan.FromSeconds(3);
}
