namespace Dmm.Contracts;

/// <summary>
/// Body of <c>POST /api/v1/vms</c>. Sizes in bytes; paths absolute. <see cref="Kernel"/> or <see cref="Disk"/>, not both; neither with the
/// simulation.
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

    /// <summary>raw or qcow2; told by the file's name where it is null.</summary>
    public string? DiskFormat { get; init; }

    /// <summary>none (the default) or user.</summary>
    public string? Network { get; init; }
    public IReadOnlyList<ChannelRequest>? Channels { get; init; }

    /// <summary>never (the default), onFailure or always: whether it is created anew after it has ended.</summary>
    public string? Restart { get; init; }

    /// <summary>
    /// heard (the default), none or strict: what shows that it has booted. One that is not heard of in time is spoken of; with strict it
    /// is ended.
    /// </summary>
    public string? BootCheck { get; init; }

    /// <summary>How long the VM may wait for its memory, in seconds; the daemon's default where null.</summary>
    public double? TimeoutSeconds { get; init; }

    /// <summary>Until when its memory must be there; not together with <see cref="TimeoutSeconds"/>.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>Who is created first where several wait, the highest first: 0 to 1000, 100 where null.</summary>
    public int? Priority { get; init; }

    /// <summary>full (the default) or early: starts with less as soon as its guarantee is there, and grows to what it asked.</summary>
    public string? BootPolicy { get; init; }
}

/// <summary>A further virtio-serial channel of the guest: its name there, and the Unix socket on the host.</summary>
public sealed record ChannelRequest(string Name, string Socket);

/// <summary>Body of <c>POST /api/v1/vms/{name}/adopt</c>.</summary>
public sealed record AdoptVmRequest(string Qmp, long MinBytes, long MaxBytes, int? Shares);

/// <summary>Body of <c>PATCH /api/v1/vms/{name}</c>: what is null stays.</summary>
public sealed record SetVmRequest(long? MinBytes, long? MaxBytes, int? Shares)
{
    /// <summary>never, onFailure or always.</summary>
    public string? Restart { get; init; }
}

/// <summary>Body of <c>POST /api/v1/vms/{name}/resize</c>. Null ends the operator's target: DMM decides again.</summary>
public sealed record ResizeVmRequest(long? Bytes);

/// <summary>Body of <c>POST /api/v1/vms/{name}/stop</c>.</summary>
/// <param name="GraceSeconds">
/// How long its guest may take to power down; the daemon's own where null, or nothing where its process is to be ended.
/// </param>
public sealed record StopVmRequest(double? GraceSeconds)
{
    /// <summary>Its process is ended, after the grace where one is given; otherwise a guest that does not power down runs on.</summary>
    public bool? Kill { get; init; }
}

/// <summary>Body of <c>POST /api/v1/vms/{name}/start</c>.</summary>
/// <param name="TimeoutSeconds">How long the VM may wait for its memory; the daemon's own where null.</param>
public sealed record StartVmRequest(double? TimeoutSeconds)
{
    /// <summary>Also where it was migrated away: it runs nowhere else, and its disk is in use nowhere else.</summary>
    public bool? Force { get; init; }
}
