namespace Dmm.Contracts;

/// <summary>Body of <c>POST /api/v1/vms</c>. Sizes in bytes; paths absolute. <see cref="Kernel"/> or <see cref="Disk"/>, not both; neither with the simulation.</summary>
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

    /// <summary>How long the VM may wait for its memory, in seconds; the daemon's default where null.</summary>
    public double? TimeoutSeconds { get; init; }
}

/// <summary>A further virtio-serial channel of the guest: its name there, and the Unix socket on the host.</summary>
public sealed record ChannelRequest(string Name, string Socket);

/// <summary>Body of <c>POST /api/v1/vms/{name}/adopt</c>.</summary>
public sealed record AdoptVmRequest(string Qmp, long MinBytes, long MaxBytes, int? Shares);

/// <summary>Body of <c>PATCH /api/v1/vms/{name}</c>: what is null stays.</summary>
public sealed record SetVmRequest(long? MinBytes, long? MaxBytes, int? Shares);

/// <summary>Body of <c>POST /api/v1/vms/{name}/resize</c>. Null ends the operator's target: DMM decides again.</summary>
public sealed record ResizeVmRequest(long? Bytes);

/// <summary>Body of <c>POST /api/v1/vms/{name}/stop</c>.</summary>
public sealed record StopVmRequest(double? GraceSeconds);
