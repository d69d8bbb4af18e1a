using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Linux;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// Finds out beforehand whether memory that a VM's balloon takes can come back to the host. If it can't, it is not counted on: the guest
/// would be squeezed for nothing. Source: QEMU, docs/system/devices and <c>ram_block_discard_range</c>, <c>virtio_balloon_inhibited</c>.
/// </summary>
internal static class KeptMemory
{
    /// <param name="process">The memory of the VM's process; null where it can't be read.</param>
    /// <param name="passedThrough">The types of passed-through devices, as in <see cref="QemuDevices.PassedThrough"/>.</param>
    public static string? Why(ProcessMemory? process, IReadOnlyList<string> passedThrough, MemorySize boot) =>
        passedThrough.Count > 0 ? $"a passed-through device ({passedThrough[0]}) accesses its memory"
        : process is null ? null
        : !process.Huge.IsZero ? $"{process.Huge} of its memory are huge pages, which go back to their pool"
        : process.Locked >= boot.Scale(0.5) ? $"{process.Locked} of its memory are locked"
        : null;

    /// <param name="huge">Its pages are huge ones: what it unplugs goes to their pool as well.</param>
    public static VmCapabilities Of(VmCapabilities able, string? why, bool huge) =>
        why is null || !(able.Balloon || huge) ? able : able with
        {
            Keeps = why,
            KeepsPlugged = huge,
            Lacks = [.. able.Lacks, $"its balloon returns no memory to the host: {why}; its memory is not counted on"],
        };
}
