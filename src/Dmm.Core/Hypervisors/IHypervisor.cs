using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Hypervisors;

/// <summary>
/// The port through which the actors reach a hypervisor; the drivers in Dmm.Hypervisors implement it. It stands in Core because the actor
/// shell may know no edge, and holds no I/O of its own. Every call may throw <see cref="HypervisorException"/>, whose message names the
/// thing, what was found and what would be right; a call that is given up in time throws <see cref="OperationCanceledException"/>.
/// Each implementation puts a deadline of its own on every wait.
/// </summary>
public interface IHypervisor : IAsyncDisposable
{
    /// <summary>Short name as in <c>dmm.hypervisor</c>: <c>qemu</c>, <c>simulation</c>.</summary>
    string Name { get; }

    /// <summary>What can't be launched here, in one line; null where the spec can be. Looks at files and limits, starts nothing.</summary>
    string? Fault(VmSpec spec);

    /// <summary>
    /// Memory that a VM of this spec is expected to cost the host beside its guest's memory; the ledger counts it until
    /// <see cref="IVirtualMachine.MeasureAsync"/> knows better.
    /// </summary>
    MemorySize ExpectedOverhead(VmSpec spec);

    /// <summary>The least memory that the image of this spec can be expected to boot with; zero where that is not known. Looks at files, starts nothing.</summary>
    MemorySize ImageNeeds(VmSpec spec) => MemorySize.Zero;

    /// <summary>Starts the VM as a process that outlives this daemon and leaves nothing behind when it fails.</summary>
    /// <exception cref="VmLingersException">It failed and its process is still there.</exception>
    Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation);

    /// <summary>
    /// The VM that an earlier <see cref="LaunchAsync"/> of this spec left running, or null: a daemon that died between launching and
    /// writing that down finds its VM so.
    /// </summary>
    Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation);

    /// <summary>The name under which this driver launched the process that a handle means, whoever governs it; null where somebody else started it.</summary>
    VmId? LaunchedAs(VmHandle handle) => null;

    /// <summary>Looks at a VM that someone else started, without changing it, and says how it can be reached from now on.</summary>
    /// <param name="socket">The hypervisor's control socket (QEMU: a QMP socket), absolute.</param>
    Task<VmHandle> InspectAsync(VmId id, string socket, CancellationToken cancellation);

    /// <summary>
    /// Takes up a running VM. <paramref name="observe"/> is called from the driver's own threads, one call at a time, in the order of the
    /// facts, until the returned object is disposed; it must not block. The first facts are the VM's sizes.
    /// </summary>
    /// <exception cref="VmGoneException">The VM no longer runs.</exception>
    Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation);

    /// <summary>
    /// Ends a VM that can't be reached, by its process alone. Done when that is gone and its memory is back; only ever done to a process
    /// that is known to be the VM's.
    /// </summary>
    /// <exception cref="HypervisorException">It is still there, or it is not known which process it is; the message says so.</exception>
    Task EndProcessAsync(VmHandle handle, CancellationToken cancellation) =>
        Task.FromException(new HypervisorException($"VM '{handle.Id}' can't be ended while it can't be reached: {Name} knows no process of it"));
}

/// <summary>A VM in hand. Disposing lets go of it; it runs on.</summary>
public interface IVirtualMachine : IAsyncDisposable
{
    VmCapabilities Capabilities { get; }

    /// <summary>
    /// The handle that it was taken up by, with the process that was found to run it, or with none where it could not be told which does; null where
    /// nothing new was learned.
    /// </summary>
    VmHandle? Identity => null;

    /// <summary>
    /// Why it can't be told which process runs it, in one line with what follows; null where that is known, or where there is none to
    /// know.
    /// </summary>
    string? Doubt => null;

    /// <summary>
    /// Reads the sizes and tells them as an observation, new or not, before it returns: so sizes are always told in the order in which they were
    /// read, and whoever has this answer has heard of nothing older.
    /// </summary>
    Task<VmSizes> ReadSizesAsync(CancellationToken cancellation);

    /// <summary>
    /// Asks the balloon to hold back <paramref name="ballooned"/> of the boot memory. Returns when the hypervisor has taken the request, not when the guest has.
    /// </summary>
    Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation);

    /// <summary>
    /// Asks for <paramref name="plugged"/> of hotplugged memory, over all devices: a multiple of <see cref="VmCapabilities.BlockSize"/> up
    /// to <see cref="VmCapabilities.PluggableMax"/>, or what is plugged as it is, which moves nothing. Asking for the same again wakes a
    /// guest's driver that gave up. Several devices are told so that they can become no more than this together, or than they could before
    /// (<see cref="DeviceVector"/>). Returns when asked, not when done.
    /// </summary>
    Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation);

    /// <summary>
    /// Raises <see cref="VmCapabilities.PluggableMax"/> to at least <paramref name="pluggableMax"/>, which is at most
    /// <see cref="VmCapabilities.ExtendableTo"/>, by a further hotplug device. Such a device can't be taken away again. What the VM can do from
    /// then on comes as <see cref="VmObservation.Able"/>.
    /// </summary>
    Task ExtendAsync(MemorySize pluggableMax, CancellationToken cancellation);

    /// <summary>
    /// Gives a guest that has nothing left to pay page metadata with one rescue DIMM of <see cref="VmCapabilities.RescueSize"/>, which brings its
    /// own metadata. It counts as base from then on and stays for good.
    /// </summary>
    Task RescueAsync(CancellationToken cancellation);

    /// <summary>What the VM costs its host now; null where it can't be told.</summary>
    Task<HostCost?> MeasureAsync(CancellationToken cancellation);

    /// <summary>
    /// Asks the guest to power down, as the button of a machine does. Returns when it was asked: whether it does so shows as <see cref="VmObservation.Ended"/>.
    /// </summary>
    Task PowerDownAsync(CancellationToken cancellation);

    /// <summary>Ends the VM at once, whatever its guest does. Done when the VM is gone and its memory is back.</summary>
    /// <exception cref="HypervisorException">It is still there, or it can't be told whether it is.</exception>
    Task EndAsync(CancellationToken cancellation);
}

public static class VirtualMachineExtensions
{
    /// <summary>
    /// The sizes of a VM of which somebody is to answer for what it can become: a balloon of which nobody knows what it was told is told to
    /// stay as it is.
    /// </summary>
    public static async Task<VmSizes> TakeStockAsync(this IVirtualMachine vm, CancellationToken cancellation)
    {
        var sizes = await vm.ReadSizesAsync(cancellation).ConfigureAwait(false);
        if (!sizes.BalloonUnsure)
            return sizes;
        await vm.SetBalloonedAsync(sizes.Ballooned, cancellation).ConfigureAwait(false);
        return await vm.ReadSizesAsync(cancellation).ConfigureAwait(false);
    }
}

/// <summary>How a VM is reached, as the journal remembers it.</summary>
/// <param name="Hypervisor">The driver's name.</param>
/// <param name="Base">Memory that it booted with.</param>
/// <param name="Control">The control socket that belongs to DMM; empty where there is none.</param>
/// <param name="Pid">The process on this host, where it is known.</param>
/// <param name="PidStart">The process's start time (field 22 of <c>/proc/PID/stat</c>, clock ticks since the host's boot), so that a pid that is used again is not mistaken.</param>
/// <param name="BootId">The host's boot (<c>/proc/sys/kernel/random/boot_id</c>).</param>
/// <param name="Owned">DMM launched it; false for an adopted VM.</param>
public sealed record VmHandle(
    VmId Id, string Hypervisor, MemorySize Base, string Control, int? Pid, long? PidStart, string? BootId, bool Owned)
{
    /// <summary>
    /// The process was found to hold this VM's memory. Of one that is neither proved so nor owned (an earlier release took whoever listened at the
    /// socket for it) nothing is believed: neither its end, nor that it may be ended.
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
        : Hypervisor == other.Hypervisor && (Control == other.Control || Control == other.OperatorSocket || OperatorSocket == other.Control);

    /// <summary>What it is, for people.</summary>
    public string Whereabouts() => Pid is { } pid ? $"process {pid}" : $"what answers at {Control}";

    /// <summary>The host side of the guest agent's channel.</summary>
    public string? AgentSocket { get; init; }

    /// <summary>The guest's serial console: a Unix socket.</summary>
    public string? ConsoleSocket { get; init; }
}

/// <summary>What a VM can do, and what it lacks.</summary>
/// <param name="Balloon">It has a balloon.</param>
/// <param name="PluggableMax">The most that can be plugged beside base; zero where it can't be.</param>
/// <param name="BlockSize">The unit of plugging.</param>
/// <param name="Lacks">Each thing it lacks that DMM would use, in one line with what follows.</param>
public sealed record VmCapabilities(bool Balloon, MemorySize PluggableMax, MemorySize BlockSize, IReadOnlyList<string> Lacks)
{
    private readonly MemorySize? _extendableTo;

    /// <summary>How far <see cref="PluggableMax"/> can be raised while the VM runs; never below it.</summary>
    public MemorySize ExtendableTo
    {
        get => MemorySize.Max(PluggableMax, _extendableTo ?? MemorySize.Zero);
        init => _extendableTo = value;
    }

    /// <summary>The balloon may hold back what was plugged, too (DIMMs); otherwise boot memory and rescue DIMMs alone.</summary>
    public bool BalloonTakesPlugged { get; init; }

    /// <summary>What one rescue DIMM gives; zero where none can be given (any more).</summary>
    public MemorySize RescueSize { get; init; }

    /// <summary>Why what its balloon takes never comes back to the host, as can be seen beforehand; null where it does, as far as is known.</summary>
    public string? Keeps { get; init; }
}

/// <summary>What a VM's process takes of its host.</summary>
/// <param name="Overhead">What it has resident beside its guest's memory, page tables included; null where that can't be told apart.</param>
/// <param name="Resident">All that it has resident, guest's memory included.</param>
/// <param name="Limit">
/// The most that the process can have resident before a control group's limit (<c>memory.max</c> of its own or of a group above it) has it killed;
/// null where nothing limits it. Source: Linux, Documentation/admin-guide/cgroup-v2.rst.
/// </param>
public sealed record HostCost(MemorySize? Overhead, MemorySize Resident, MemorySize? Limit);

/// <summary>A fact about a VM, as its driver saw it.</summary>
public abstract record VmObservation
{
    private VmObservation()
    {
    }

    public sealed record Sizes(VmSizes Value) : VmObservation
    {
        /// <summary>
        /// What the VM's process held of its host right after the sizes were read, page tables included; null where nobody could look. What a guest says that it gave
        /// is back only when this is less.
        /// </summary>
        public MemorySize? Resident { get; init; }
    }

    public sealed record Sample(GuestSample Value) : VmObservation;

    /// <summary>
    /// Whether its guest runs. Told at each connection before the VM is in hand, by drivers that can tell, and whenever it changes.
    /// </summary>
    /// <param name="Why">In one line, in the hypervisor's words; null while it runs.</param>
    public sealed record RunState(VmRunState Value, string? Why) : VmObservation;

    /// <summary>The agent has (again) introduced itself.</summary>
    public sealed record Hello(GuestHello Value) : VmObservation;

    /// <summary>What the VM can do has changed: a device was added, or its guest turned out to lack a driver.</summary>
    public sealed record Able(VmCapabilities Value) : VmObservation;

    /// <summary>The agent has fallen silent: no line for longer than its slowest period allows, or its channel closed.</summary>
    public sealed record AgentSilent(string Why) : VmObservation;

    /// <summary>The hypervisor's control connection broke; the VM may well run on. Last observation of a connection.</summary>
    public sealed record ConnectionLost(string Why) : VmObservation;

    /// <summary>The VM has ended. Last observation of a connection.</summary>
    /// <param name="Cause"><see cref="EndCause.PoweredDown"/> where it was meant, otherwise <see cref="EndCause.Failed"/>.</param>
    public sealed record Ended(string Why, EndCause Cause) : VmObservation;
}

/// <summary>A hypervisor refused or failed.</summary>
public class HypervisorException : Exception
{
    public HypervisorException()
    {
    }

    public HypervisorException(string message)
        : base(message)
    {
    }

    public HypervisorException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>The VM does not run (any more).</summary>
public sealed class VmGoneException : HypervisorException
{
    public VmGoneException()
    {
    }

    public VmGoneException(string message)
        : base(message)
    {
    }

    public VmGoneException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>How it ended, as far as what it left behind tells.</summary>
    public EndCause Cause { get; init; }
}

/// <summary>A VM that is to be gone has a process that can't be ended: its memory is not back.</summary>
public sealed class VmLingersException : HypervisorException
{
    public VmLingersException()
    {
    }

    public VmLingersException(string message)
        : base(message)
    {
    }

    public VmLingersException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
