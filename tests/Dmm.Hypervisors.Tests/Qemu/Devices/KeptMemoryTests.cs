using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Devices;

namespace Dmm.Hypervisors.Tests.Qemu.Devices;

/// <summary>Memory that can't come back to the host is known beforehand, where that can be seen.</summary>
public sealed class KeptMemoryTests
{
    private static readonly VmCapabilities Able = new(Balloon: true, MemorySize.FromGiB(4), MemorySize.FromMiB(2), []);

    private static string? Why(long pages, long huge, long locked, params string[] devices) => KeptMemory.Why(
        new(MemorySize.FromMiB(pages), MemorySize.FromMiB(huge), MemorySize.FromMiB(locked)), devices, boot: MemorySize.FromMiB(512));

    [Fact]
    public void Huge_pages_locked_memory_and_passed_through_devices_are_told_with_their_figures()
    {
        Assert.Null(Why(400, 0, 0));
        Assert.Null(Why(400, 0, 200));
        Assert.StartsWith("256 MiB of its memory are locked", Why(400, 0, 256), StringComparison.Ordinal);
        Assert.StartsWith("100 MiB of its memory are huge pages", Why(400, 100, 0), StringComparison.Ordinal);
        Assert.StartsWith("a passed-through device (vfio-pci)", Why(400, 0, 0, "vfio-pci"), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_vm_of_huge_pages_plugged_memory_stays_too_also_where_it_has_no_balloon()
    {
        Assert.Same(Able, KeptMemory.Of(Able, null, huge: false));
        var locked = KeptMemory.Of(Able, "locked", huge: false);
        Assert.Equal(("locked", false), (locked.Keeps, locked.KeepsPlugged));
        var bare = Able with { Balloon = false };
        Assert.Same(bare, KeptMemory.Of(bare, "locked", huge: false));
        Assert.Equal(("huge pages", true), (KeptMemory.Of(bare, "huge pages", huge: true) is var can ? can.Keeps : null, can.KeepsPlugged));
    }
}
