namespace Dmm.Core.Vms;

/// <summary>The source of a sample; it decides which fields the sample lacks.</summary>
public enum SampleSource
{
    /// <summary>DMM's guest agent: gives all fields, and reports at once under pressure.</summary>
    Agent,

    /// <summary>The statistics of virtio-balloon: sizes and faults, some seconds old.</summary>
    BalloonStatistics,
}

/// <summary>
/// One reading of a guest's memory. Sizes are present levels; counters count since the guest's boot. The values come from an untrusted
/// guest: the driver has limited them to possible values (<see cref="SampleBounds"/>), nothing more. Source: Linux,
/// Documentation/filesystems/proc.rst.
/// </summary>
public sealed record GuestSample
{
    /// <summary>When the sample was read, by the host's clock.</summary>
    public required Moment At { get; init; }

    public required SampleSource Source { get; init; }

    public required MemorySize MemTotal { get; init; }

    public required MemorySize MemFree { get; init; }

    /// <summary>
    /// The kernel's estimate of the memory that new work could get without swapping: an upper bound on what can be taken. Zero where it
    /// is not known (<see cref="TellsUse"/>).
    /// </summary>
    public required MemorySize MemAvailable { get; init; }

    /// <summary>
    /// False where the sample does not distinguish cache from use. MemFree does not: cache fills all memory that a guest has, so a guest
    /// judged by MemFree would always want more.
    /// </summary>
    public bool TellsUse { get; init; } = true;

    public MemorySize Anonymous { get; init; }

    /// <summary>SUnreclaim + KernelStack + PageTables + Percpu.</summary>
    public MemorySize Unreclaimable { get; init; }

    public MemorySize ActiveFile { get; init; }

    public MemorySize InactiveFile { get; init; }

    public MemorySize Shmem { get; init; }

    public MemorySize SwapTotal { get; init; }

    public MemorySize SwapFree { get; init; }

    /// <summary>workingset_refault_anon + workingset_refault_file, pages since boot.</summary>
    public long Refaults { get; init; }

    public long MajorFaults { get; init; }

    /// <summary>Pages since boot.</summary>
    public long SwapIns { get; init; }

    /// <summary>Pages since boot.</summary>
    public long SwapOuts { get; init; }

    /// <summary>OOM kills since boot.</summary>
    public long OomKills { get; init; }

    /// <summary>PSI: microseconds since boot in which some task stalled on memory.</summary>
    public long StallSomeMicroseconds { get; init; }

    /// <summary>PSI: microseconds since boot in which all tasks stalled on memory.</summary>
    public long StallFullMicroseconds { get; init; }

    /// <summary>
    /// Why the guest sent the sample before its next regular turn; <see cref="SampleReason.Periodic"/> for a regular one.
    /// </summary>
    public SampleReason Reason { get; init; }

    /// <summary>
    /// Limits the figures: no more memory than the VM can have, no part larger than the whole, no more free swap than swap. Swap is not
    /// bounded by memory, but by <see cref="MemorySize.MostThereIs"/>.
    /// </summary>
    /// <param name="most">The most memory that the VM can have.</param>
    public GuestSample Within(MemorySize most)
    {
        var total = MemorySize.Min(MemTotal, most);
        var swap = MemorySize.Min(SwapTotal, MemorySize.MostThereIs);
        return this with
        {
            MemTotal = total,
            MemFree = MemorySize.Min(MemFree, total),
            MemAvailable = MemorySize.Min(MemAvailable, total),
            Anonymous = MemorySize.Min(Anonymous, total),
            Unreclaimable = MemorySize.Min(Unreclaimable, total),
            ActiveFile = MemorySize.Min(ActiveFile, total),
            InactiveFile = MemorySize.Min(InactiveFile, total),
            Shmem = MemorySize.Min(Shmem, total),
            SwapTotal = swap,
            SwapFree = MemorySize.Min(SwapFree, swap),
        };
    }
}

public enum SampleReason
{
    Periodic,

    /// <summary>MemAvailable fell through the agent's threshold, which grows with the rate of the fall.</summary>
    LowMemory,

    /// <summary>A PSI trigger fired.</summary>
    Stall,
}
