namespace Dmm.Core.Vms;

/// <summary>
/// How an actual size is made of its parts: base + <paramref name="Plugged"/> − <paramref name="Ballooned"/>. The one place where the split
/// between balloon and hotplug is decided.
/// </summary>
public readonly record struct MemoryLayout(MemorySize Plugged, MemorySize Ballooned)
{
    /// <summary>
    /// Larger blocks than this (DIMMs) are plugged whole: to make up for a part of one, the balloon would have to take from the guest
    /// beforehand what it is then given.
    /// </summary>
    private static readonly MemorySize FineBlock = MemorySize.FromMiB(16);

    /// <summary>
    /// The layout for <paramref name="target"/>: the balloon alone below base, hotplug above it. A VM that can be plugged keeps a
    /// <paramref name="spark"/>: that much more plugged and ballooned, so that the balloon can give it in milliseconds while hotplug,
    /// which first costs the guest page metadata, is still under way (a guest with nothing free can't be plugged at all).
    /// The plugged part is rounded up to whole blocks and the balloon takes the difference, so that the sum is exact. Of large blocks, on
    /// the way up as many are plugged as fit; on the way down the balloon takes a part of the last that stays; and there is no spark.
    /// </summary>
    /// <param name="target">The actual size wanted; more than base + pluggable maximum is cut to that.</param>
    /// <param name="balloon">
    /// Whether there is a balloon; without one nothing is ballooned, and a block of which a part is wanted is not plugged, nor taken.
    /// </param>
    /// <param name="held">What is plugged now: where blocks can't be divided it decides from which side the target is come to.</param>
    public static MemoryLayout For(
        MemorySize @base, MemorySize pluggableMax, MemorySize block, bool balloon, MemorySize target, MemorySize spark,
        MemorySize held = default)
    {
        if (pluggableMax.IsZero || block.IsZero)
            return new(MemorySize.Zero, balloon ? @base.MinusOrZero(target) : MemorySize.Zero);
        var plugged = balloon && block <= FineBlock
            ? MemorySize.Min((target + spark).MinusOrZero(@base).RoundUp(block), pluggableMax.RoundDown(block))
            : WholeBlocks(target.MinusOrZero(@base), pluggableMax.RoundDown(block), block, held);
        return new(plugged, balloon ? (@base + plugged).MinusOrZero(target) : MemorySize.Zero);
    }

    /// <summary>Whether this VM is plugged in blocks of which the balloon can't make up for a part.</summary>
    public static bool InWholeBlocks(VmCapabilities can) => can.BlockSize > FineBlock;

    /// <summary>The least size, from <paramref name="wanted"/> on, that a VM with these devices can grow to.</summary>
    public static MemorySize LeastFrom(MemorySize wanted, VmSizes sizes, VmCapabilities can) =>
        InWholeBlocks(can) && wanted > sizes.Base + sizes.Plugged ? sizes.Base + (wanted - sizes.Base).RoundUp(can.BlockSize) : wanted;

    private static MemorySize WholeBlocks(MemorySize above, MemorySize most, MemorySize block, MemorySize held)
    {
        var withPart = above.RoundUp(block);
        return held >= withPart ? withPart : MemorySize.Min(above.RoundDown(block), most);
    }
}
