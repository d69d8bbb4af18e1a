namespace Dmm.Core.Vms;

/// <summary>How a VM is reached, as the journal remembers it.</summary>
/// <param name="Hypervisor">The driver's name.</param>
/// <param name="Base">Memory that it booted with.</param>
/// <param name="Control">The control socket that belongs to DMM; empty where there is none.</param>
/// <param name="Pid">The process on this host; null where it is not known.</param>
/// <param name="PidStart">
/// The process's start time (field 22 of <c>/proc/PID/stat</c>, clock ticks since the host's boot), so that a reused pid is not taken for
/// the VM.
/// </param>
/// <param name="BootId">The host's boot (<c>/proc/sys/kernel/random/boot_id</c>).</param>
/// <param name="Owned">True for a VM that DMM launched, false for an adopted VM.</param>
public sealed record VmHandle(
    VmId Id, string Hypervisor, MemorySize Base, string Control, int? Pid, long? PidStart, string? BootId, bool Owned)
{
    /// <summary>
    /// Whether the process was found to hold this VM's memory. A process that is neither proved nor owned is not believed to be the VM's
    /// (an earlier release recorded any process that listened at the socket): its end does not count as the VM's end, and it may not be
    /// ended.
    /// </summary>
    public bool Proved { get; init; }

    /// <summary>Whether the end of the process means the end of the VM.</summary>
    public bool IsKnown() => Pid is not null && (Owned || Proved);

    /// <summary>A second control socket for people, where there is one.</summary>
    public string? OperatorSocket { get; init; }

    /// <summary>Whether both handles name the same process, under whatever name it is managed.</summary>
    /// <remarks>
    /// Where a process is not known, the control sockets are compared: the handles match if one names a control socket of the other.
    /// </remarks>
    public bool SameProcess(VmHandle other) => Pid is not null && other.Pid is not null
        ? (Pid, PidStart, BootId) == (other.Pid, other.PidStart, other.BootId)
        : Control.Length == 0 || other.Control.Length == 0 ? (Id, Control) == (other.Id, other.Control)
        : Hypervisor == other.Hypervisor
        && (Control == other.Control || Control == other.OperatorSocket || OperatorSocket == other.Control);

    /// <summary>Describes the VM for people.</summary>
    public string Whereabouts() => Pid is { } pid ? $"process {pid}" : $"the VM at {Control}";

    /// <summary>The host side of the guest agent's channel.</summary>
    public string? AgentSocket { get; init; }

    /// <summary>
    /// How often the guest of an adopted VM reported its balloon statistics before DMM changed that, in seconds; zero: never. It is put
    /// back when DMM closes its connection. Null where it is not known.
    /// </summary>
    public long? StatisticsSeconds { get; init; }

    /// <summary>The guest's serial console: a Unix socket.</summary>
    public string? ConsoleSocket { get; init; }
}
