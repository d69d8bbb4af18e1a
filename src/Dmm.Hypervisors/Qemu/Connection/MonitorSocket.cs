namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>Explains to whoever adopts a VM what becomes of its monitor: QEMU serves one client at a time on each.</summary>
internal static class MonitorSocket
{
    /// <summary>Folders in which other managers keep the monitors through which they control their VMs.</summary>
    private static readonly (string Folder, string Manager)[] Managers =
    [
        ("/run/libvirt", "libvirt"),
        ("/var/run/libvirt", "libvirt"),
        ("/var/lib/libvirt", "libvirt"),
        ("/run/qemu-server", "Proxmox VE"),
        ("/var/run/qemu-server", "Proxmox VE"),
    ];

    private const string Own = "give DMM a monitor of its own: start QEMU with another -qmp unix:PATH,server=on,wait=off";

    /// <param name="path">The socket that was given for DMM.</param>
    public static string Remark(string path) =>
        Array.Find(Managers, m => path.StartsWith(m.Folder + "/", StringComparison.Ordinal)).Manager is { } manager
            ? $"DMM keeps the monitor {path}, by which {manager} controls this VM: {manager} can't reach the VM while DMM manages it; "
                + $"{Own}, or 'dmm vm forget' gives the monitor back"
            : $"DMM keeps the monitor {path}: while it manages the VM, QEMU answers nobody else there; if others need it, {Own}";
}
