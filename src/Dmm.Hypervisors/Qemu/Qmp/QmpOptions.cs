namespace Dmm.Hypervisors.Qemu.Qmp;

/// <summary>Limits of one QMP connection.</summary>
public sealed record QmpOptions
{
    /// <summary>The deadline for connecting, greeting included, and for each command.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest message in bytes, on however many lines; the longest answers that DMM asks for are some tens of KiB.</summary>
    public int MaxLineLength { get; init; } = 1 << 20;

    /// <summary>The number of events that may wait for their reader; beyond it the oldest is dropped and counted.</summary>
    public int EventCapacity { get; init; } = 256;

    /// <summary>The number of commands that may wait for their answer at once. QEMU itself stops reading after 8.</summary>
    public int MaxInFlight { get; init; } = 64;
}
