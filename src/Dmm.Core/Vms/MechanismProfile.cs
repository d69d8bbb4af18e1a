namespace Dmm.Core.Vms;

/// <summary>
/// The figures in which hypervisors and guests differ, as data, so that one state machine serves them all. The defaults were measured on
/// virtio-mem and virtio-balloon with Linux 6.1.
/// </summary>
public sealed record MechanismProfile
{
    /// <summary>
    /// Page metadata that a guest pays for each plugged byte, from memory that it already has (struct page: 64 bytes a 4 KiB page).
    /// </summary>
    public double MetadataRatio { get; init; } = 1.0 / 64;

    /// <summary>The least memory that a kernel keeps back before it counts MemTotal.</summary>
    public MemorySize KernelShare { get; init; } = MemorySize.FromMiB(48);

    /// <summary>The unit in which a guest accepts new memory or refuses it (Linux on x86: a memory block of 128 MiB).</summary>
    public MemorySize MemoryBlock { get; init; } = MemorySize.FromMiB(128);

    /// <summary>A sample that comes sooner after a movement may have been taken before it.</summary>
    public TimeSpan SampleLatency { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// With an older sample, no memory is taken: the agent that sent it may have died since, and the guest's use may have grown.
    /// </summary>
    public TimeSpan SampleAge { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Where it is not known what the guest has accepted, a size that stayed for this long counts as accepted.</summary>
    public TimeSpan StaysFor { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// With less available and no balloon left to give, page metadata can't be paid: only a rescue DIMM helps. MemAvailable counts about
    /// 3 MiB of caches that are not free yet: a guest with 7 MiB available had 3.8 MiB free and reached its OOM killer when it was
    /// plugged; at 7 MiB free a plug worked.
    /// </summary>
    public MemorySize RescueBelow { get; init; } = MemorySize.FromMiB(10);

    /// <summary>
    /// The part of boot memory that can be counted on for page metadata where all new memory becomes movable. A guest with 256 MiB was
    /// seen to reach 11.6 GiB, which takes 0.71 of its boot memory; programs need some more.
    /// </summary>
    public double MetadataShareOfBase { get; init; } = 0.5;

    /// <summary>What must stay available in a guest while it pays for metadata.</summary>
    public MemorySize MetadataFloor { get; init; } = MemorySize.FromMiB(8);

    /// <summary>
    /// The time after which the same request is made again, which wakes a guest's driver: it may stop trying without notice (virtio-mem
    /// tries again after 50 s).
    /// </summary>
    public TimeSpan PokeAfter { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The distance from its target at which a VM counts as having reached it: an unplug leaves a few MiB in the kernel zone (8 to 10 MiB
    /// measured).
    /// </summary>
    public MemorySize Tolerance { get; init; } = MemorySize.FromMiB(2);

    /// <summary>The ballooned reserve that a growing VM keeps; zero for none.</summary>
    public MemorySize Spark { get; init; } = MemorySize.FromMiB(24);

    /// <summary>The least MemAvailable that a shrink leaves the guest.</summary>
    public MemorySize Margin { get; init; } = MemorySize.FromMiB(32);

    /// <summary>An operation without movement for this long is stuck.</summary>
    public TimeSpan StuckAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A VM without movement for this long is uncooperative: it is no longer counted on.</summary>
    public TimeSpan UncooperativeAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The first wait between tries with a stuck or uncooperative VM; waits double up to <c>RetryMax</c>.</summary>
    public TimeSpan RetryMin { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan RetryMax { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A guest that has not been heard of for this long after its start counts as booted all the same.</summary>
    public TimeSpan BootDeadline { get; init; } = TimeSpan.FromSeconds(120);
}
