using System.Collections.Immutable;
using Dmm.Core.Memory;

namespace Dmm.Core.Vms;

/// <summary>Everything that a hypervisor needs in order to start a VM. Paths are absolute.</summary>
public sealed record VmSpec
{
    public required VmId Id { get; init; }

    public required VmPolicy Policy { get; init; }

    /// <summary>Memory that the VM boots with (<c>base</c>), between min and max.</summary>
    public required MemorySize Boot { get; init; }

    /// <summary>Virtual CPUs, 1 to <see cref="MaxCpus"/>.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>Null only with a hypervisor that needs no image (simulation).</summary>
    public BootMedium? Medium { get; init; }

    /// <summary>Network of the guest; none unless told.</summary>
    public VmNetwork Network { get; init; } = VmNetwork.None;

    /// <summary>Further virtio-serial channels between guest and host, each a Unix socket on the host; at most <see cref="MaxChannels"/>.</summary>
    public ImmutableArray<VmChannel> Channels { get; init; } = [];

    public const int MaxCpus = 255;
    public const int MaxChannels = 16;

    public bool Equals(VmSpec? other) =>
        other is not null && Id == other.Id && Policy == other.Policy && Boot == other.Boot && Cpus == other.Cpus
        && Medium == other.Medium && Network == other.Network && Channels.AsSpan().SequenceEqual(other.Channels.AsSpan());

    public override int GetHashCode() => HashCode.Combine(Id, Policy, Boot, Cpus, Medium, Network);
}

/// <summary>What a VM boots from.</summary>
public abstract record BootMedium
{
    private BootMedium()
    {
    }

    /// <summary>A Linux kernel started directly. Without <paramref name="Append"/> the driver's own recommended command line is used.</summary>
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

/// <summary>A virtio-serial port <paramref name="Name"/> (such as <c>org.qemu.guest_agent.0</c>) whose host side is the Unix socket <paramref name="Socket"/>.</summary>
public sealed record VmChannel(string Name, string Socket);
