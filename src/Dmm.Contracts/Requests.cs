namespace Dmm.Contracts;

/// <summary>
/// Body of <c>POST /api/v1/vms</c>. Sizes are in bytes, paths are absolute. Either <see cref="Kernel"/> or <see cref="Disk"/> is given,
/// not both; neither with the simulation.
/// </summary>
public sealed record CreateVmRequest
{
    public required string Name { get; init; }
    public required long MinBytes { get; init; }
    public required long BootBytes { get; init; }
    public required long MaxBytes { get; init; }
    public int? Shares { get; init; }
    public int? Cpus { get; init; }
    public string? Kernel { get; init; }
    public string? Initrd { get; init; }
    public string? Append { get; init; }
    public string? Disk { get; init; }

    /// <summary>raw or qcow2; null: derived from the file's name.</summary>
    public string? DiskFormat { get; init; }

    /// <summary>none (the default) or user.</summary>
    public string? Network { get; init; }
    public IReadOnlyList<ChannelRequest>? Channels { get; init; }

    /// <summary>never (the default), onFailure or always: whether the VM is created again after it has ended.</summary>
    public string? Restart { get; init; }

    /// <summary>
    /// heard (the default), none or strict: how DMM sees that the VM has booted. With heard, a notice reports a VM whose guest is not
    /// heard of in time; with strict, that VM is ended.
    /// </summary>
    public string? BootCheck { get; init; }

    /// <summary>How long the VM may wait for its memory, in seconds; null: the daemon's default.</summary>
    public double? TimeoutSeconds { get; init; }

    /// <summary>The time by which its memory must be there; not together with <see cref="TimeoutSeconds"/>.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>0 to 1000; null: 100. Where several VMs wait, the one with the highest priority is created first.</summary>
    public int? Priority { get; init; }

    /// <summary>
    /// full (the default) or early. An early VM starts with less as soon as its guarantee is there, and grows to the size it asked for.
    /// </summary>
    public string? BootPolicy { get; init; }
}

/// <summary>One more virtio-serial channel: its name in the guest, and its Unix socket on the host.</summary>
public sealed record ChannelRequest(string Name, string Socket);

/// <summary>Body of <c>POST /api/v1/vms/{name}/adopt</c>.</summary>
public sealed record AdoptVmRequest(string Qmp, long MinBytes, long MaxBytes, int? Shares = null);

/// <summary>
/// Body of <c>PATCH /api/v1/vms/{name}</c>: a member that is null or absent is not changed. At least one is given.
/// </summary>
public sealed record SetVmRequest(long? MinBytes = null, long? MaxBytes = null, int? Shares = null)
{
    /// <summary>never, onFailure or always.</summary>
    public string? Restart { get; init; }
}

/// <summary>
/// Body of <c>POST /api/v1/vms/{name}/resize</c>. Null removes the operator's target: DMM decides again. The member must be there, so that
/// nothing is removed by a mistake.
/// </summary>
public sealed record ResizeVmRequest(long? Bytes);

/// <summary>Body of <c>POST /api/v1/vms/{name}/stop</c>.</summary>
/// <param name="GraceSeconds">
/// How long the guest may take to power down; null: dmm.vm.stop-grace, or 0 where <see cref="Kill"/> is true.
/// </param>
public sealed record StopVmRequest(double? GraceSeconds = null)
{
    /// <summary>
    /// True: the VM's process is ended, after the grace where one is given. False: a guest that does not power down runs on.
    /// </summary>
    public bool? Kill { get; init; }
}

/// <summary>Body of <c>POST /api/v1/host/drain</c>.</summary>
/// <param name="DeadlineSeconds">
/// How long all guests together may take to power down, 0 to 3600; null: 120.
/// </param>
public sealed record DrainHostRequest(double? DeadlineSeconds = null)
{
    /// <summary>True: the process of a VM that still runs after the deadline is ended. False: it runs on.</summary>
    public bool? Kill { get; init; }

    /// <summary>True: the drain stays over restarts of the host, until it is ended by a request.</summary>
    public bool? Stay { get; init; }

    /// <summary>True: VMs that DMM did not start are asked, too.</summary>
    public bool? Adopted { get; init; }
}

/// <summary>Body of <c>POST /api/v1/vms/{name}/start</c>.</summary>
/// <param name="TimeoutSeconds">How long the VM may wait for its memory; null: the daemon's default.</param>
public sealed record StartVmRequest(double? TimeoutSeconds = null)
{
    /// <summary>
    /// True: start it even though it was migrated away. The caller guarantees that it runs nowhere else and that nothing else uses its
    /// disk.
    /// </summary>
    public bool? Force { get; init; }
}
