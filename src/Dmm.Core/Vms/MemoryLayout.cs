namespace Dmm.Core.Vms;

/// <summary>
/// How an actual size is made of its parts: base + <paramref name="Plugged"/> − <paramref name="Ballooned"/>. This is the only place that
/// decides the split between balloon and hotplug.
/// </summary>
public readonly record struct MemoryLayout(MemorySize Plugged, MemorySize Ballooned)
{
    /// <summary>
    /// Blocks larger than this (DIMMs) are plugged whole: to make up for a part of such a block, the balloon would first have to take
    /// from the guest the memory that it is then given.
    /// </summary>
    private static readonly MemorySize FineBlock = MemorySize.FromMiB(16);

    /// <summary>
    /// The layout for <paramref name="target"/>: the balloon alone below base, hotplug above it. A VM that can be plugged keeps a
    /// <paramref name="spark"/>: that much more memory is plugged and ballooned. The balloon can give it in milliseconds while hotplug is
    /// still under way, which first costs the guest page metadata (a guest with no free memory can't be plugged at all). The plugged part
    /// is rounded up to whole blocks and the balloon takes the difference, so that the sum is exact. With large blocks, a growing VM gets
    /// as many blocks as fit; in a shrinking VM, the balloon takes a part of the last block that stays; and there is no spark.
    /// </summary>
    /// <param name="target">The wanted actual size; a size above base + pluggable maximum is cut to that.</param>
    /// <param name="balloon">
    /// Whether there is a balloon. Without one nothing is ballooned, and a block of which only a part is wanted is neither plugged nor
    /// taken.
    /// </param>
    /// <param name="held">
    /// The memory that is plugged now: where blocks can't be divided, it decides from which side the target is approached.
    /// </param>
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

    /// <summary>Whether this VM's hotplug blocks are so large that the balloon can't make up for a part of one.</summary>
    public static bool InWholeBlocks(VmCapabilities can) => can.BlockSize > FineBlock;

    /// <summary>The least size, at or above <paramref name="wanted"/>, that a VM with these devices can grow to.</summary>
    public static MemorySize LeastFrom(MemorySize wanted, VmSizes sizes, VmCapabilities can) =>
        InWholeBlocks(can) && wanted > sizes.Base + sizes.Plugged ? sizes.Base + (wanted - sizes.Base).RoundUp(can.BlockSize) : wanted;

    private static MemorySize WholeBlocks(MemorySize above, MemorySize most, MemorySize block, MemorySize held)
    {
        var withPart = above.RoundUp(block);
        return held >= withPart ? withPart : MemorySize.Min(above.RoundDown(block), most);
    }
}
