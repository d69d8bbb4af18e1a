using Dmm.Core.Demand;

namespace Dmm.Settings;

/// <summary>The section <c>dmm.demand</c>.</summary>
internal static class DemandSection
{
    public static DemandSettings Read(SettingsReader reader) => new()
    {
        HeadroomMin = reader.Size("dmm.demand.headroom-min", "0", "16GiB"),
        Headroom = reader.Percent("dmm.demand.headroom", 0, 200),
        HalfLife = reader.Duration("dmm.demand.half-life", "1s", "7d"),
        ShrinkQuantile = reader.Number("dmm.demand.shrink-quantile", 0.5, 1),
        ProbeHalfLife = reader.Duration("dmm.demand.probe-half-life", "1s", "7d"),
        FloorHalfLife = reader.Duration("dmm.demand.floor-half-life", "1s", "7d"),
        Horizon = reader.Duration("dmm.demand.horizon", "100ms", "5m"),
        SavePeriod = reader.Duration("dmm.demand.save-period", "10s", "1d"),
        LowMemory = reader.Size("dmm.demand.low-memory", "8MiB", "4GiB"),
    };
}
