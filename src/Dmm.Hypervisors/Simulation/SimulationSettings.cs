using Dmm.Core;

namespace Dmm.Hypervisors.Simulation;

/// <summary>The speed of simulated guests. Rates are per second.</summary>
public sealed record SimulationSettings
{
    /// <summary>The folder in which simulated VMs outlive the daemon, one small file for each VM.</summary>
    public required string Directory { get; init; }

    public MemorySize PlugRate { get; init; } = MemorySize.FromGiB(4);

    public MemorySize UnplugRate { get; init; } = MemorySize.FromGiB(2);

    public MemorySize BalloonRate { get; init; } = MemorySize.FromGiB(2);

    public TimeSpan BootTime { get; init; } = TimeSpan.FromMilliseconds(500);

    public MemorySize Overhead { get; init; } = MemorySize.FromMiB(32);

    /// <summary>The most memory that can be plugged beside the boot memory.</summary>
    public MemorySize PluggableMax { get; init; } = MemorySize.FromGiB(64);

    /// <summary>How often a simulated guest moves and is sampled.</summary>
    public TimeSpan Step { get; init; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan SamplePeriod { get; init; } = TimeSpan.FromSeconds(1);
}
