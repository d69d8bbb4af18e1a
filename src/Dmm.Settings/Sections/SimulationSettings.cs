using Dmm.Core;

namespace Dmm.Settings;

/// <param name="Directory">An absolute path.</param>
/// <param name="PlugRate">Memory per second, like the other rates.</param>
public sealed record SimulationSettings(
    string Directory, MemorySize PlugRate, MemorySize UnplugRate, MemorySize BalloonRate, TimeSpan BootTime, MemorySize Overhead)
{
    internal static SimulationSettings Read(SettingsReader reader, string stateDir) => new(
        Path.Combine(stateDir, reader.FileName("dmm.simulation.directory", "simulation")),
        reader.Size("dmm.simulation.plug-rate", "1MiB", "1TiB"),
        reader.Size("dmm.simulation.unplug-rate", "1MiB", "1TiB"),
        reader.Size("dmm.simulation.balloon-rate", "1MiB", "1TiB"),
        reader.Duration("dmm.simulation.boot-time", "0s", "10m"),
        reader.Size("dmm.simulation.overhead", "0", "16GiB"));
}
