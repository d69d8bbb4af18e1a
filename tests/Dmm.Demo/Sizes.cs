using Dmm.Core;

namespace Dmm.Demo;

/// <summary>
/// The demo's amounts. They belong together: one loaded guest and three idle ones fit <see cref="Guests"/> exactly when the idle ones
/// give, and a fourth guest fits only when its peers give memory that they no longer use.
/// </summary>
public static class Sizes
{
    public static readonly MemorySize Min = MemorySize.FromMiB(128);
    public static readonly MemorySize Boot = MemorySize.FromMiB(256);
    public static readonly MemorySize Max = MemorySize.FromGiB(2);

    /// <summary>The memory of all guests together: 1.2 GiB.</summary>
    public static readonly MemorySize Guests = MemorySize.FromMiB(1228);

    /// <summary>The part of it that DMM keeps free for bursts.</summary>
    public static readonly MemorySize Cushion = MemorySize.FromMiB(64);

    /// <summary>
    /// A guest's ballooned reserve: it is plugged before its balloon is filled, so a guest may have that much more for a moment.
    /// </summary>
    public static readonly MemorySize Spark = MemorySize.FromMiB(24);

    /// <summary>
    /// The load that moves from guest to guest: two and a half times the boot size of a guest; below, its growth per second.
    /// </summary>
    public static readonly MemorySize Load = MemorySize.FromMiB(640);
    public static readonly MemorySize LoadPerSecond = MemorySize.FromMiB(100);

    /// <summary>The amount that the last loaded guest keeps holding and working on, so that its rate of work can be measured.</summary>
    public static readonly MemorySize Remainder = MemorySize.FromMiB(150);

    /// <summary>The operator's target; the daemon is killed in the middle of this resize.</summary>
    public static readonly MemorySize Resize = MemorySize.FromMiB(560);

    /// <summary>A burst beyond what its guest has, without swap; below, its growth per second.</summary>
    public static readonly MemorySize Burst = MemorySize.FromMiB(420);
    public static readonly MemorySize BurstPerSecond = MemorySize.FromMiB(120);

    /// <summary>
    /// The tolerance within which a size counts as reached: virtio-mem leaves a few MiB, and the arbiter's steps are of 16 MiB.
    /// </summary>
    public static readonly MemorySize Near = MemorySize.FromMiB(16);
}
