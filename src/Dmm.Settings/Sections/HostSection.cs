using Dmm.Core;
using Dmm.Hocon;

namespace Dmm.Settings;

/// <param name="Memory">Memory that DMM governs; null: as measured by <see cref="HostMemory.Measure"/>.</param>
/// <param name="Reserve">Subtracted from memory, whether that is measured or given.</param>
/// <param name="Cushion">A size, or a part of memory less reserve.</param>
/// <param name="CushionMax">The same under pressure.</param>
/// <param name="PressureSome">The stalled part of the time (PSI some), 0 to 1.</param>
/// <param name="PressureFull">The stalled part of the time (PSI full), 0 to 1.</param>
/// <param name="Margin">Available memory that is never counted on.</param>
/// <param name="Register">The folder in which the daemons of this host see each other.</param>
public sealed record HostSection(
    MemorySize? Memory, MemorySize Reserve, Portion Cushion, Portion CushionMax, double PressureSome, double PressureFull,
    MemorySize Margin,
    TimeSpan WatchPeriod, TimeSpan CalmAfter, string Register)
{
    /// <summary>The part of the cushion that VMs have on lease, 0 to 1.</summary>
    public double Leases { get; init; }

    /// <summary><c>dmm.qemu.groups</c>: it decides which control groups limit the VMs.</summary>
    public string Groups { get; init; } = "off";

    /// <summary>
    /// The memory that DMM governs on this host: <see cref="Memory"/>, or what is measured now. It is more than <see cref="Reserve"/>.
    /// </summary>
    /// <exception cref="SettingsException">This host's memory can't be read, or is not more than the reserve.</exception>
    public MemorySize Governed(string root = "/")
    {
        var memory = Memory ?? HostMemory.Measure(root, Groups);
        return memory > Reserve
            ? memory
            : throw new SettingsException(
                $"dmm.host.reserve is {Reserve}, but this host (or the daemon's cgroup) has {memory}; it must be less");
    }

    internal static HostSection Read(SettingsReader reader)
    {
        var host = new HostSection(
            reader.SizeOrAuto("dmm.host.memory", least: "64MiB", example: "64GiB"),
            reader.Size("dmm.host.reserve", "0", "1TiB"),
            reader.SizeOrPercent("dmm.host.cushion", mostPercent: 50),
            reader.SizeOrPercent("dmm.host.cushion-max", mostPercent: 50),
            reader.Percent("dmm.host.pressure-some", 0, 100),
            reader.Percent("dmm.host.pressure-full", 0, 100),
            reader.Size("dmm.host.margin", "0", "64GiB"),
            reader.Duration("dmm.host.watch-period", "100ms", "60s"),
            reader.Duration("dmm.host.calm-after", "1s", "1h"),
            reader.Folder("dmm.host.register", "/run/lock/dmm"))
        {
            Leases = reader.Percent("dmm.host.leases", 0, 100),
        };
        if (host.Memory <= host.Reserve)
            reader.Refuse("dmm.host.memory", $"more than dmm.host.reserve ({host.Reserve}), which is subtracted from it");
        return host;
    }
}
