using Dmm.Core.Memory;

namespace Dmm.Actors.Hosts;

public sealed record HostSettings
{
    /// <summary>Memory that DMM governs.</summary>
    public required MemorySize Memory { get; init; }

    /// <summary>Kept for the host itself, out of <see cref="Memory"/>.</summary>
    public MemorySize Reserve { get; init; }

    /// <summary>Free memory kept for fast growth; only urgent growth takes it.</summary>
    public MemorySize Cushion { get; init; }

    /// <summary>The least change worth a resize, and the grid of shrinks.</summary>
    public MemorySize Step { get; init; } = MemorySize.FromMiB(16);

    /// <summary>How often all VMs' targets are made anew.</summary>
    public TimeSpan PlanPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A snapshot bounds the replay: one after so many events.</summary>
    public int SnapshotEvery { get; init; } = 500;
}
