using Dmm.Core;

namespace Dmm.Settings;

public enum QemuAccel
{
    Auto,
    Kvm,
    Tcg,
}

/// <summary>How far the guests' user network reaches.</summary>
public enum UserNetwork
{
    /// <summary>Nowhere: neither to this host nor beyond it.</summary>
    Restricted,

    /// <summary>Wherever this host reaches, its own loopback included.</summary>
    Open,
}

/// <summary>The section <c>dmm.qemu</c>; the driver, which knows no settings, is given its values.</summary>
/// <param name="Binary">A name for PATH, or an absolute path.</param>
/// <param name="Append">Kernel command line of VMs that give none.</param>
/// <param name="HotplugRoom">Room beyond boot memory that a VM's virtio-mem device has at least.</param>
/// <param name="TbSize">TCG's translation cache of each VM.</param>
/// <param name="StatsPeriod">Whole seconds.</param>
public sealed record QemuSectionSettings(
    string Binary,
    QemuAccel Accel,
    string Append,
    MemorySize HotplugRoom,
    int SpareRootPorts,
    MemorySize TbSize,
    UserNetwork UserNetwork,
    TimeSpan CommandDeadline,
    TimeSpan FlushDeadline,
    TimeSpan LaunchDeadline,
    TimeSpan ProbeDeadline,
    TimeSpan StatsPeriod)
{
    /// <summary>Linux on x86 takes a command line of 2,047 bytes.</summary>
    private const int LongestAppend = 2047;

    internal static QemuSectionSettings Read(SettingsReader reader)
    {
        var qemu = new QemuSectionSettings(
            reader.Program("dmm.qemu.binary", "qemu-system-x86_64"),
            reader.Choice<QemuAccel>("dmm.qemu.accel"),
            reader.Text("dmm.qemu.append", LongestAppend, $"a kernel command line of at most {LongestAppend} characters"),
            reader.Size("dmm.qemu.hotplug-room", "0", "1TiB"),
            reader.Integer("dmm.qemu.spare-root-ports", 0, 16),
            reader.Size("dmm.qemu.tb-size", "8MiB", "1GiB"),
            reader.Choice<UserNetwork>("dmm.qemu.user-network"),
            reader.Duration("dmm.qemu.command-deadline", "100ms", "5m"),
            reader.Duration("dmm.qemu.flush-deadline", "1s", "10m"),
            reader.Duration("dmm.qemu.launch-deadline", "1s", "10m"),
            reader.Duration("dmm.qemu.probe-deadline", "1s", "2m"),
            reader.Duration("dmm.qemu.stats-period", "1s", "60s"));
        if (qemu.StatsPeriod.Ticks % TimeSpan.TicksPerSecond != 0)
            reader.Refuse("dmm.qemu.stats-period", "whole seconds from 1s to 60s");
        return qemu;
    }
}
