using Dmm.Core;
using Dmm.Hypervisors.Linux;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu;

public enum QemuAccel
{
    /// <summary>KVM where a probe guest shows that it works, TCG otherwise.</summary>
    Auto,

    Kvm,

    Tcg,
}

/// <summary>Settings of the QEMU driver (<c>dmm.qemu</c>).</summary>
public sealed record QemuSettings
{
    /// <summary>
    /// <c>dmm.qemu.append</c> as it is shipped (config/reference.conf; a test checks that they are equal): users' guests and the measured
    /// guests both boot with it. It lets a small guest grow far beyond what it booted with: new memory comes online by itself, first into
    /// the kernel's zone so that later metadata has a place, and no swiotlb takes a quarter of a 256 MiB guest. <c>no_timer_check</c> is
    /// what Linux sets for itself under KVM. Without it a guest under emulation panics at boot ("IO-APIC + timer doesn't work") if the
    /// host takes the processor away during its timer test (Documentation/admin-guide/kernel-parameters.txt).
    /// </summary>
    public const string ShippedAppend =
        "console=ttyS0 swiotlb=noforce no_timer_check memhp_default_state=online "
        + "memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=50 memory_hotplug.memmap_on_memory=1";

    /// <summary>QEMU's program: a name that is found in PATH, or a path.</summary>
    public string Binary { get; init; } = "qemu-system-x86_64";

    /// <summary>
    /// The state folder, an absolute path. A VM's sockets are in <c>vms/NAME</c> under it, so a long path leaves less room for names (107
    /// bytes in all).
    /// </summary>
    public required string StateDirectory { get; init; }

    public QemuAccel Accel { get; init; } = QemuAccel.Auto;

    /// <summary>The kernel command line of a VM whose spec has none.</summary>
    public string DefaultAppend { get; init; } = ShippedAppend;

    /// <summary>
    /// The least size of a VM's virtio-mem device, so that its max can be raised later without another device. It is address space, not
    /// memory; each 16 GiB cost QEMU about 2 MiB of bitmaps.
    /// </summary>
    public MemorySize HotplugRoom { get; init; } = MemorySize.FromGiB(16);

    /// <summary>
    /// The most memory that a guest can ever address: boot memory, hotplugged memory and room for more. Under KVM the CPU may allow less.
    /// </summary>
    public MemorySize MaxMemory { get; init; } = MemorySize.FromGiB(512);

    /// <summary>Slots for memory devices, 1 to 256.</summary>
    public int MemorySlots { get; init; } = 32;

    /// <summary>Root ports kept free, on which further virtio-mem devices can be added while the guest runs; 0 to 16.</summary>
    public int SpareRootPorts { get; init; } = 4;

    /// <summary>
    /// TCG's cache of translated code. Without this limit QEMU takes up to 1 GiB of host memory for each VM; a small Linux guest that
    /// boots and works fills about 62 MiB. When the cache is full it is emptied and code is translated again, so a guest with much code
    /// needs more. At least <see cref="LeastTranslationCache"/>.
    /// </summary>
    public MemorySize TranslationCache { get; init; } = MemorySize.FromMiB(64);

    /// <summary>
    /// The least cache size. QEMU accepts as little as 1 MiB (tcg/region.c), but then a guest's boot is translated again and again.
    /// </summary>
    public static MemorySize LeastTranslationCache => MemorySize.FromMiB(8);

    /// <summary>The unit of plugging. QEMU's own default on x86 is the host's huge page, which is the same.</summary>
    public MemorySize BlockSize { get; init; } = MemorySize.FromMiB(2);

    /// <summary>The deadline of each QMP command.</summary>
    public TimeSpan CommandDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The deadline from starting QEMU until the VM is set up and runs.</summary>
    public TimeSpan LaunchDeadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The deadline of the probe guest that shows whether KVM works; a working one needs less than a second.</summary>
    public TimeSpan ProbeDeadline { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>The deadline for a process to be gone after it was told to quit or was killed: freeing tens of GiB takes seconds.</summary>
    public TimeSpan ExitDeadline { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long a QEMU that was told to end may go on writing outstanding data to its guest's disks before it is killed: killing it then
    /// loses that data. A QEMU without disk activity is killed after <see cref="CommandDeadline"/>.
    /// </summary>
    public TimeSpan FlushDeadline { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Whether guests with a user network may reach beyond it. When closed, they get an address and nothing else. When open, QEMU's user
    /// network gives every guest access to this host's loopback (10.0.2.2) and to everything that this host can reach, with the daemon's
    /// own rights.
    /// </summary>
    public bool OpenUserNetwork { get; init; }

    /// <summary>
    /// Whether VMs are launched with QEMU's system call filter. QEMU then can't gain privileges, start programs, leave its session or
    /// change its limits and priorities.
    /// </summary>
    public bool Sandbox { get; init; } = true;

    /// <summary>
    /// The user as whom QEMU runs: the name or number of an account, or <c>UID:GID</c>; empty: the daemon's own. Only a daemon that is
    /// root can start VMs as another user.
    /// </summary>
    public string User { get; init; } = "";

    /// <summary>
    /// Where VMs get control groups of their own, in which the kernel holds them to their claims: <c>auto</c>, <c>off</c>, or the absolute
    /// path of a control group (version 2) that belongs to DMM.
    /// </summary>
    public string Groups { get; init; } = GroupPlace.Auto;

    /// <summary>The folder that holds <c>/proc</c>, <c>/run</c> and <c>/sys</c> of control groups; other than <c>/</c> in tests.</summary>
    internal string Root { get; init; } = "/";

    /// <summary>Whether this daemon may start programs as other users and ask systemd for scopes.</summary>
    internal bool IsPrivileged { get; init; } = Environment.IsPrivilegedProcess;

    internal string SystemdRun { get; init; } = "systemd-run";

    internal string SetPriv { get; init; } = "setpriv";

    /// <summary>How often a guest without an agent reports its balloon statistics; whole seconds.</summary>
    public TimeSpan StatsPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often sizes are read while a device has not reached its target (QEMU's events come at most once a second).</summary>
    public TimeSpan FastPoll { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>How often sizes are read otherwise.</summary>
    public TimeSpan SlowPoll { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long fast reading goes on without any movement.</summary>
    public TimeSpan FastPollPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>An agent that sends nothing for this long counts as silent; its slowest period is 1 s.</summary>
    public TimeSpan AgentSilence { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Base of the agents' low threshold (<c>dmm.demand.low-memory</c>); it is sent to each agent that has another one.</summary>
    public MemorySize LowMemory { get; init; } = MemorySize.FromMiB(64);

    public string VmsDirectory => Path.Combine(StateDirectory, "vms");

    public QmpOptions Qmp => new() { Deadline = CommandDeadline };

    /// <summary>The first setting that is not valid, in one line; null where all are valid.</summary>
    public string? Fault() =>
        !Path.IsPathRooted(StateDirectory) ? $"dmm.state-dir is '{StateDirectory}'; it must be an absolute path"
        : SpareRootPorts is < 0 or > 16 ? $"dmm.qemu.spare-root-ports is {SpareRootPorts}; it must be from 0 to 16"
        : MemorySlots is < 1 or > 256 ? $"the number of memory slots is {MemorySlots}; it must be from 1 to 256"
        : BlockSize < MemorySize.FromMiB(1) || !long.IsPow2(BlockSize.Bytes)
            ? $"the block size is {BlockSize}; it must be a power of two from 1 MiB"
        : TranslationCache < LeastTranslationCache ? $"dmm.qemu.tb-size is {TranslationCache}; it must be at least {LeastTranslationCache}"
        : Groups is not (GroupPlace.Auto or GroupPlace.Off) && !Path.IsPathRooted(Groups)
            ? $"dmm.qemu.groups is '{Groups}'; it must be auto, off or an absolute path"
        : StatsPeriod < TimeSpan.FromSeconds(1) ? $"dmm.qemu.stats-period is {StatsPeriod}; it must be at least 1 s"
        : null;
}
