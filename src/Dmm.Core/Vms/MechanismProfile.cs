using Dmm.Core.Memory;

namespace Dmm.Core.Vms;

/// <summary>
/// The numbers in which hypervisors and guests differ, as data, so that one state machine serves them all. Defaults are those measured on
/// virtio-mem and virtio-balloon with Linux 6.1.
/// </summary>
public sealed record MechanismProfile
{
    /// <summary>Page metadata that a guest pays for each byte plugged, from memory that it already has (struct page: 64 bytes a 4 KiB page).</summary>
    public double MetadataRatio { get; init; } = 1.0 / 64;

    /// <summary>What must stay available in a guest while it pays for metadata.</summary>
    public MemorySize MetadataFloor { get; init; } = MemorySize.FromMiB(8);

    /// <summary>
    /// A guest's driver may stop trying without a word (virtio-mem tries again after 50 s); asking for the same again wakes it.
    /// </summary>
    public TimeSpan PokeAfter { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How near to its target a VM counts as there: an unplug leaves a few MiB in the kernel zone (8 to 10 MiB measured).</summary>
    public MemorySize Tolerance { get; init; } = MemorySize.FromMiB(2);

    /// <summary>The ballooned reserve that a growing VM keeps; zero for none.</summary>
    public MemorySize Spark { get; init; } = MemorySize.FromMiB(24);

    /// <summary>The least MemAvailable that a shrink leaves the guest.</summary>
    public MemorySize Margin { get; init; } = MemorySize.FromMiB(32);

    /// <summary>Without movement for so long, an operation is stuck.</summary>
    public TimeSpan StuckAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Without movement for so long, the VM is uncooperative: no longer counted on.</summary>
    public TimeSpan UncooperativeAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>First and longest wait between tries with a stuck or uncooperative VM; it doubles in between.</summary>
    public TimeSpan RetryMin { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan RetryMax { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>A guest that has not been heard of for so long after its start counts as up all the same.</summary>
    public TimeSpan BootDeadline { get; init; } = TimeSpan.FromSeconds(120);
}
