using Dmm.Core.Memory;

namespace Dmm.Core.Vms;

/// <summary>
/// How an actual size is made of its parts: base + <paramref name="Plugged"/> − <paramref name="Ballooned"/>. The one place where the split
/// between balloon and hotplug is decided.
/// </summary>
public readonly record struct MemoryLayout(MemorySize Plugged, MemorySize Ballooned)
{
    /// <summary>
    /// The layout for <paramref name="target"/>: the balloon alone below base, hotplug above it. A VM that can be plugged keeps a
    /// <paramref name="spark"/>: that much more plugged and ballooned, so that the balloon can give it in milliseconds while hotplug,
    /// which first costs the guest page metadata, is still under way (a guest with nothing free can't be plugged at all).
    /// The plugged part is rounded up to whole blocks and the balloon takes the difference, so that the sum is exact.
    /// </summary>
    /// <param name="target">The actual size wanted; more than base + pluggable maximum is cut to that.</param>
    /// <param name="balloon">Whether there is a balloon; without one nothing is ballooned and the plugged part is rounded down.</param>
    public static MemoryLayout For(MemorySize @base, MemorySize pluggableMax, MemorySize block, bool balloon, MemorySize target, MemorySize spark)
    {
        if (pluggableMax.IsZero || block.IsZero)
            return new(MemorySize.Zero, balloon ? @base.MinusOrZero(target) : MemorySize.Zero);
        if (!balloon)
            return new(MemorySize.Min(target.MinusOrZero(@base), pluggableMax).RoundDown(block), MemorySize.Zero);

        var plugged = MemorySize.Min((target + spark).MinusOrZero(@base).RoundUp(block), pluggableMax.RoundDown(block));
        return new(plugged, (@base + plugged).MinusOrZero(target));
    }
}
