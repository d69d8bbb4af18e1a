using System.Collections.Immutable;
using Dmm.Core.Lifecycle;

namespace Dmm.Core.Vms;

/// <summary>Everything that a hypervisor needs in order to start a VM. Paths are absolute.</summary>
public sealed record VmSpec
{
    public required VmId Id { get; init; }

    public required VmPolicy Policy { get; init; }

    /// <summary>Memory that the VM boots with (<c>base</c>), between min and max.</summary>
    public required MemorySize Boot { get; init; }

    public BootPolicy BootPolicy { get; init; }

    /// <summary>The order of creation where several VMs wait: the highest priority first; 0 to <see cref="MostPriority"/>.</summary>
    public int Priority { get; init; } = DefaultPriority;

    public const int DefaultPriority = 100;
    public const int MostPriority = 1000;

    /// <summary>Virtual CPUs, 1 to <see cref="MaxCpus"/>.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>Null only with a hypervisor that needs no image (simulation).</summary>
    public BootMedium? Medium { get; init; }

    /// <summary>The guest's network; none unless set.</summary>
    public VmNetwork Network { get; init; } = VmNetwork.None;

    /// <summary>
    /// Further virtio-serial channels between guest and host, each a Unix socket on the host; at most <see cref="MaxChannels"/>.
    /// </summary>
    public ImmutableArray<VmChannel> Channels { get; init; } = [];

    /// <summary>Whether the VM is created anew after it has ended.</summary>
    public RestartPolicy Restart { get; init; }

    /// <summary>The sign by which the VM counts as booted.</summary>
    public BootCheck BootCheck { get; init; }

    public const int MaxCpus = 255;
    public const int MaxChannels = 16;

    /// <summary>
    /// The same VM when it boots anew under a policy that was changed while it ran: its boot size is within the new bounds. Where the
    /// bounds change the boot size, it is a whole number of blocks if one fits between them (QEMU takes only whole MiB).
    /// </summary>
    public VmSpec Under(VmPolicy policy)
    {
        var block = MemorySize.FromMiB(2);
        var boot = Boot.Clamp(policy.Min, policy.Max);
        if (boot > Boot && boot.RoundUp(block) <= policy.Max)
            boot = boot.RoundUp(block);
        else if (boot < Boot && boot.RoundDown(block) >= policy.Min)
            boot = boot.RoundDown(block);
        return this with { Policy = policy, Boot = boot };
    }

    public bool Equals(VmSpec? other) =>
        other is not null && Id == other.Id && Policy == other.Policy && Boot == other.Boot && Cpus == other.Cpus
        && BootPolicy == other.BootPolicy && Priority == other.Priority && Restart == other.Restart && BootCheck == other.BootCheck
        && Medium == other.Medium && Network == other.Network && Channels.AsSpan().SequenceEqual(other.Channels.AsSpan());

    public override int GetHashCode() => HashCode.Combine(Id, Policy, Boot, Cpus, Medium, Network, Restart, Priority);
}

/// <summary>The medium that a VM boots from.</summary>
public abstract record BootMedium
{
    private BootMedium()
    {
    }

    /// <summary>
    /// A Linux kernel started directly. Without <paramref name="Append"/> the driver's own recommended command line is used.
    /// </summary>
    public sealed record KernelBoot(string Kernel, string? Initrd, string? Append) : BootMedium;

    /// <summary>A disk image that boots through its firmware. <paramref name="Format"/> is <c>raw</c> or <c>qcow2</c>.</summary>
    public sealed record DiskBoot(string Path, string Format) : BootMedium;
}

public enum VmNetwork
{
    /// <summary>No network card.</summary>
    None,

    /// <summary>The hypervisor's unprivileged user-mode network (QEMU <c>-nic user</c>).</summary>
    User,
}

/// <summary>
/// A virtio-serial port <paramref name="Name"/> (such as <c>org.qemu.guest_agent.0</c>) whose host side is the Unix socket
/// <paramref name="Socket"/>.
/// </summary>
public sealed record VmChannel(string Name, string Socket);

/// <summary>The memory with which a VM may start.</summary>
public enum BootPolicy
{
    /// <summary>The VM starts with all the memory that it asked for.</summary>
    Full,

    /// <summary>
    /// The VM starts with less, down to its guarantee, as soon as that is free; it grows to the size that it asked for as its peers'
    /// memory arrives.
    /// </summary>
    Early,
}
