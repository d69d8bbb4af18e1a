using Dmm.Hocon;
using Dmm.Core;

namespace Dmm.Settings;

/// <param name="Memory">What DMM governs; null: what <see cref="HostMemory.Measure"/> finds.</param>
/// <param name="Reserve">Comes off memory, be that measured or given.</param>
/// <param name="Cushion">Of memory less reserve.</param>
/// <param name="CushionMax">Under pressure; of memory less reserve.</param>
/// <param name="PressureSome">0 to 1.</param>
/// <param name="PressureFull">0 to 1.</param>
/// <param name="Margin">Available memory that is never counted on.</param>
public sealed record HostSettings(
    MemorySize? Memory, MemorySize Reserve, Portion Cushion, Portion CushionMax, double PressureSome, double PressureFull,
    MemorySize Margin,
    TimeSpan WatchPeriod, TimeSpan CalmAfter)
{
    /// <summary>What DMM governs on this host: <see cref="Memory"/>, or what is measured now. More than <see cref="Reserve"/>.</summary>
    /// <exception cref="SettingsException">This host does not tell, or has no more than the reserve.</exception>
    public MemorySize Governed(string root = "/")
    {
        var memory = Memory ?? HostMemory.Measure(root);
        return memory > Reserve
            ? memory
            : throw new SettingsException(
                $"dmm.host.reserve is {Reserve}, but this host (or the daemon's cgroup) has {memory}; it must be less");
    }

    internal static HostSettings Read(SettingsReader reader)
    {
        var host = new HostSettings(
            reader.SizeOrAuto("dmm.host.memory", least: "64MiB", example: "64GiB"),
            reader.Size("dmm.host.reserve", "0", "1TiB"),
            reader.SizeOrPercent("dmm.host.cushion", mostPercent: 50),
            reader.SizeOrPercent("dmm.host.cushion-max", mostPercent: 50),
            reader.Percent("dmm.host.pressure-some", 0, 100),
            reader.Percent("dmm.host.pressure-full", 0, 100),
            reader.Size("dmm.host.margin", "0", "64GiB"),
            reader.Duration("dmm.host.watch-period", "100ms", "60s"),
            reader.Duration("dmm.host.calm-after", "1s", "1h"));
        if (host.Memory <= host.Reserve)
            reader.Refuse("dmm.host.memory", $"more than dmm.host.reserve ({host.Reserve}), which is taken off it");
        return host;
    }
}
