using Dmm.Core.Memory;

namespace Dmm.Settings;

/// <param name="Memory">What DMM governs; null: what <see cref="HostMemory.Measure"/> finds.</param>
/// <param name="Reserve">Comes off memory, be that measured or given.</param>
/// <param name="Cushion">Of memory less reserve.</param>
public sealed record HostSettings(MemorySize? Memory, MemorySize Reserve, Portion Cushion)
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
            reader.SizeOrPercent("dmm.host.cushion", mostPercent: 50));
        if (host.Memory <= host.Reserve)
            reader.Refuse("dmm.host.memory", $"more than dmm.host.reserve ({host.Reserve}), which is taken off it");
        return host;
    }
}
