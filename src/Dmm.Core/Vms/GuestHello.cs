namespace Dmm.Core.Vms;

/// <summary>
/// What the guest's agent says about itself when it connects: the facts that decide how far this guest can grow. Fields that the guest's
/// kernel does not show are null. Source: Linux, Documentation/admin-guide/mm/memory-hotplug.rst.
/// </summary>
public sealed record GuestHello
{
    /// <summary>Version of the agent's protocol.</summary>
    public required int Protocol { get; init; }

    public string? AgentVersion { get; init; }

    /// <summary><c>uname -r</c>.</summary>
    public string? Kernel { get; init; }

    /// <summary><c>/sys/devices/system/memory/auto_online_blocks</c>: offline, online, online_kernel or online_movable.</summary>
    public string? AutoOnline { get; init; }

    /// <summary><c>/sys/module/memory_hotplug/parameters/online_policy</c>: contig-zones or auto-movable.</summary>
    public string? OnlinePolicy { get; init; }

    /// <summary><c>auto_movable_ratio</c>, per cent MOVABLE to KERNEL.</summary>
    public int? AutoMovableRatio { get; init; }

    /// <summary><c>memmap_on_memory</c>: Y, N or force.</summary>
    public string? MemmapOnMemory { get; init; }

    /// <summary><c>/sys/devices/system/memory/block_size_bytes</c>.</summary>
    public MemorySize? BlockSize { get; init; }

    public MemorySize? MemTotal { get; init; }

    public MemorySize? SwapTotal { get; init; }

    /// <summary>Whether the guest's kernel has a virtio-mem driver bound to a device.</summary>
    public bool? VirtioMem { get; init; }

    /// <summary>Whether <c>/proc/pressure/memory</c> can be used.</summary>
    public bool? Psi { get; init; }
}
