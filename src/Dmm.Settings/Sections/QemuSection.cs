using Dmm.Core;
using Dmm.Hypervisors.Qemu;

namespace Dmm.Settings;

/// <summary>How far the guests' user network reaches.</summary>
public enum UserNetwork
{
    /// <summary>Nowhere: they reach neither this host nor anything beyond it.</summary>
    Restricted,

    /// <summary>Everything that this host reaches, its own loopback included.</summary>
    Open,
}

/// <summary>Whether QEMU filters its own system calls.</summary>
public enum QemuSandbox
{
    On,
    Off,
}

/// <summary>The section <c>dmm.qemu</c>. The driver does not read settings; it is given these values.</summary>
/// <param name="Binary">A name that is looked for in PATH, or an absolute path.</param>
/// <param name="Append">The kernel command line of VMs whose request has none.</param>
/// <param name="HotplugRoom">The least room beyond boot memory in a VM's virtio-mem device.</param>
/// <param name="TbSize">The size of each VM's TCG translation cache.</param>
/// <param name="User">The user as whom QEMU runs: a name, a number, or <c>UID:GID</c>; empty: dmmd's own.</param>
/// <param name="Groups"><c>auto</c>, <c>off</c>, or the absolute path of a control group that belongs to DMM.</param>
/// <param name="StatsPeriod">A whole number of seconds.</param>
public sealed record QemuSection(
    string Binary,
    QemuAccel Accel,
    string Append,
    MemorySize HotplugRoom,
    int SpareRootPorts,
    MemorySize TbSize,
    UserNetwork UserNetwork,
    QemuSandbox Sandbox,
    string User,
    string Groups,
    TimeSpan CommandDeadline,
    TimeSpan FlushDeadline,
    TimeSpan LaunchDeadline,
    TimeSpan ProbeDeadline,
    TimeSpan StatsPeriod)
{
    /// <summary>The longest kernel command line of Linux on x86, in bytes.</summary>
    private const int LongestAppend = 2047;

    internal static QemuSection Read(SettingsReader reader)
    {
        var qemu = new QemuSection(
            reader.Program("dmm.qemu.binary", "qemu-system-x86_64"),
            reader.Choice<QemuAccel>("dmm.qemu.accel"),
            reader.Text("dmm.qemu.append", LongestAppend, $"a kernel command line of at most {LongestAppend} characters"),
            reader.Size("dmm.qemu.hotplug-room", "0", "256GiB"),
            reader.Integer("dmm.qemu.spare-root-ports", 0, 16),
            reader.Size("dmm.qemu.tb-size", "8MiB", "1GiB"),
            reader.Choice<UserNetwork>("dmm.qemu.user-network"),
            reader.Choice<QemuSandbox>("dmm.qemu.sandbox"),
            reader.User("dmm.qemu.user"),
            reader.PathOr("dmm.qemu.groups", "/sys/fs/cgroup/dmm", "auto", "off"),
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
