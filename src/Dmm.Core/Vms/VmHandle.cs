namespace Dmm.Core.Vms;

/// <summary>How a VM is reached, as the journal remembers it.</summary>
/// <param name="Hypervisor">The driver's name.</param>
/// <param name="Base">Memory that it booted with.</param>
/// <param name="Control">The control socket that belongs to DMM; empty where there is none.</param>
/// <param name="Pid">The process on this host, where it is known.</param>
/// <param name="PidStart">
/// The process's start time (field 22 of <c>/proc/PID/stat</c>, clock ticks since the host's boot), so that a pid that is used again is not
/// mistaken.
/// </param>
/// <param name="BootId">The host's boot (<c>/proc/sys/kernel/random/boot_id</c>).</param>
/// <param name="Owned">DMM launched it; false for an adopted VM.</param>
public sealed record VmHandle(
    VmId Id, string Hypervisor, MemorySize Base, string Control, int? Pid, long? PidStart, string? BootId, bool Owned)
{
    /// <summary>
    /// The process was found to hold this VM's memory. Of one that is neither proved so nor owned (an earlier release took whoever listened
    /// at the socket for it) nothing is believed: neither its end, nor that it may be ended.
    /// </summary>
    public bool Proved { get; init; }

    /// <summary>Whether what becomes of the process tells what becomes of the VM.</summary>
    public bool IsKnown() => Pid is not null && (Owned || Proved);

    /// <summary>A second control socket for people, where there is one.</summary>
    public string? OperatorSocket { get; init; }

    /// <summary>Whether both name one process, under whatever name it is governed.</summary>
    /// <remarks>Where a process is not known, it is the one that serves a control socket of the other.</remarks>
    public bool SameProcess(VmHandle other) => Pid is not null && other.Pid is not null
        ? (Pid, PidStart, BootId) == (other.Pid, other.PidStart, other.BootId)
        : Control.Length == 0 || other.Control.Length == 0 ? (Id, Control) == (other.Id, other.Control)
        : Hypervisor == other.Hypervisor
        && (Control == other.Control || Control == other.OperatorSocket || OperatorSocket == other.Control);

    /// <summary>What it is, for people.</summary>
    public string Whereabouts() => Pid is { } pid ? $"process {pid}" : $"what answers at {Control}";

    /// <summary>The host side of the guest agent's channel.</summary>
    public string? AgentSocket { get; init; }

    /// <summary>The guest's serial console: a Unix socket.</summary>
    public string? ConsoleSocket { get; init; }
}
