using Dmm.Core;

namespace Dmm.Settings;

/// <param name="Headroom">A fraction of the working set; the headroom is the larger of it and <paramref name="HeadroomMin"/>.</param>
/// <param name="HalfLife">The half-life of the decaying histogram of use.</param>
/// <param name="ShrinkQuantile">The quantile of that histogram that a VM shrinks to, 0.5 to 1.</param>
/// <param name="ProbeHalfLife">The half-life of the page cache that counts as used.</param>
/// <param name="FloorHalfLife">The half-life of the floor that a hurtful shrink leaves.</param>
/// <param name="Horizon">How far ahead use is forecast.</param>
/// <param name="LowMemory">The base of the agent's threshold of MemAvailable.</param>
public sealed record DemandSettings(
    MemorySize HeadroomMin, double Headroom, TimeSpan HalfLife, double ShrinkQuantile, TimeSpan ProbeHalfLife, TimeSpan FloorHalfLife,
    TimeSpan Horizon,
    MemorySize LowMemory)
{
    internal static DemandSettings Read(SettingsReader reader) => new(
        reader.Size("dmm.demand.headroom-min", "0", "16GiB"),
        reader.Percent("dmm.demand.headroom", 0, 200),
        reader.Duration("dmm.demand.half-life", "1s", "7d"),
        reader.Number("dmm.demand.shrink-quantile", 0.5, 1),
        reader.Duration("dmm.demand.probe-half-life", "1s", "7d"),
        reader.Duration("dmm.demand.floor-half-life", "1s", "7d"),
        reader.Duration("dmm.demand.horizon", "100ms", "5m"),
        reader.Size("dmm.demand.low-memory", "8MiB", "4GiB"));
}
