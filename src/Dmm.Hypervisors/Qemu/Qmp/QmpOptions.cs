namespace Dmm.Hypervisors.Qemu.Qmp;

/// <summary>Bounds of one QMP connection.</summary>
public sealed record QmpOptions
{
    /// <summary>For the connection with its greeting, and for each command.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest line in bytes; the longest answers that DMM asks for are some tens of KiB.</summary>
    public int MaxLineLength { get; init; } = 1 << 20;

    /// <summary>Events that wait for their reader; beyond it the oldest is dropped and counted.</summary>
    public int EventCapacity { get; init; } = 256;

    /// <summary>Commands that may wait for their answer at once. QEMU itself reads no further after 8.</summary>
    public int MaxInFlight { get; init; } = 64;
}
