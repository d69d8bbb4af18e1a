using Dmm.Hypervisors.Simulation;

namespace Dmm.Settings;

/// <summary>The section <c>dmm.simulation</c>.</summary>
internal static class SimulationSection
{
    public static SimulationSettings Read(SettingsReader reader, string stateDir) => new()
    {
        Directory = Path.Combine(stateDir, reader.FileName("dmm.simulation.directory", "simulation")),
        PlugRate = reader.Size("dmm.simulation.plug-rate", "1MiB", "1TiB"),
        UnplugRate = reader.Size("dmm.simulation.unplug-rate", "1MiB", "1TiB"),
        BalloonRate = reader.Size("dmm.simulation.balloon-rate", "1MiB", "1TiB"),
        BootTime = reader.Duration("dmm.simulation.boot-time", "0s", "10m"),
        Overhead = reader.Size("dmm.simulation.overhead", "0", "16GiB"),
    };
}
