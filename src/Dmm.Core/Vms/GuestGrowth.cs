using System.Collections.Immutable;

namespace Dmm.Core.Vms;

/// <summary>
/// How far a guest can grow, from what its agent said about it. Page metadata of new memory (64 bytes a page) must come from memory that
/// the kernel may use for itself; a guest that makes all new memory movable has only its boot memory for that. Source: Linux,
/// Documentation/admin-guide/mm/memory-hotplug.rst; figures measured on Linux 6.1.
/// </summary>
public static class GuestGrowth
{
    private const string Recommended =
        "memhp_default_state=online memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=50";

    /// <summary>
    /// Above this ratio, the metadata of the movable memory is more than the memory that goes into the kernel's zone beside it.
    /// </summary>
    private const int HighestRatio = 2000;

    /// <summary>The most that can be plugged into this guest; null where no limit is known.</summary>
    /// <param name="accepted">The memory that the guest has accepted so far.</param>
    public static MemorySize? MostPlugged(GuestHello hello, MemorySize @base, MemorySize accepted, MechanismProfile profile)
    {
        // The guest may still bring new memory online by other means (udev does): one block shows whether it does.
        if (hello.AutoOnline == "offline" && accepted < profile.MemoryBlock.Scale(0.5))
            return profile.MemoryBlock;
        return AllMovable(hello) ? @base.Scale(profile.MetadataShareOfBase / profile.MetadataRatio).RoundDown(profile.MemoryBlock) : null;
    }

    /// <summary>What limits this guest's growth and its shrinking, each with the setting that helps; empty where nothing does.</summary>
    public static ImmutableArray<string> Limits(GuestHello hello, MemorySize? @base, MechanismProfile profile)
    {
        var limits = ImmutableArray.CreateBuilder<string>();
        if (hello.VirtioMem == false)
            limits.Add("the guest has no virtio-mem driver bound: it can't grow by virtio-mem; load the virtio_mem module");
        if (hello.AutoOnline == "offline")
            limits.Add($"new memory stays offline in the guest; boot it with {Recommended}");
        if (AllMovable(hello))
        {
            var most = @base is { } size ? $": it can grow to about {size + MostPlugged(hello, size, size, profile)!.Value}" : "";
            limits.Add($"the guest puts nearly all new memory into its movable zone, whose page metadata fills its boot memory{most}; "
                + $"to go further boot it with {Recommended}");
        }

        if (hello.AutoOnline is "online" or "online_kernel" && hello.OnlinePolicy != "auto-movable")
            limits.Add($"new memory goes into the guest's kernel zone and much of it can't be unplugged again; boot it with {Recommended}");
        return limits.ToImmutable();
    }

    private static bool AllMovable(GuestHello hello) =>
        hello.AutoOnline == "online_movable"
        || (hello.AutoOnline != "offline" && hello.OnlinePolicy == "auto-movable" && hello.AutoMovableRatio > HighestRatio);
}
