using Dmm.Core.Vms;

namespace Dmm.Core.Ports;

/// <summary>
/// The port through which the actors reach a hypervisor; the drivers in Dmm.Hypervisors implement it. It is in Core because the actors'
/// layer may not depend on a driver. It does no I/O of its own. Every call may throw <see cref="HypervisorException"/>, whose message
/// names the thing, what was found and what would be right. A cancelled call throws <see cref="OperationCanceledException"/>. Each
/// implementation puts its own deadline on every wait.
/// </summary>
public interface IHypervisor : IAsyncDisposable
{
    /// <summary>Short name as in <c>dmm.hypervisor</c>: <c>qemu</c>, <c>simulation</c>.</summary>
    string Name { get; }

    /// <summary>
    /// How the VMs that are launched here run (<c>kvm</c>, <c>tcg</c>) and why, in one line; null where that is not known yet or means
    /// nothing.
    /// </summary>
    string? Acceleration => null;

    /// <summary>
    /// Why this spec can't be launched here, in one line; null where it can be. Looks at files and limits, starts nothing.
    /// </summary>
    string? Fault(VmSpec spec);

    /// <summary>
    /// Memory that a VM of this spec is expected to cost the host beside its guest's memory. The ledger counts it until
    /// <see cref="IVirtualMachine.MeasureAsync"/> has measured the real figure.
    /// </summary>
    MemorySize ExpectedOverhead(VmSpec spec);

    /// <summary>
    /// The least memory that the image of this spec can be expected to boot with; zero where that is not known. Looks at files, starts
    /// nothing.
    /// </summary>
    MemorySize ImageNeeds(VmSpec spec) => MemorySize.Zero;

    /// <summary>Starts the VM as a process that outlives this daemon. Leaves nothing behind when it fails.</summary>
    /// <exception cref="VmLingersException">The launch failed and its process is still there.</exception>
    Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation);

    /// <summary>
    /// Finds the VM that an earlier <see cref="LaunchAsync"/> of this spec left running; null where there is none. A daemon whose
    /// predecessor died between launching the VM and writing that down finds the VM by this call.
    /// </summary>
    Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation);

    /// <summary>
    /// The name under which this driver launched the process of a handle, whatever name it is managed under now; null where this driver
    /// did not launch it.
    /// </summary>
    VmId? LaunchedAs(VmHandle handle) => null;

    /// <summary>Looks at a VM that was not started by DMM, without changing it, and returns how it can be reached from now on.</summary>
    /// <param name="socket">The hypervisor's control socket (QEMU: a QMP socket), absolute.</param>
    Task<VmHandle> InspectAsync(VmId id, string socket, CancellationToken cancellation);

    /// <summary>
    /// Connects to a running VM. <paramref name="observe"/> is called from the driver's own threads, one call at a time, in the order of
    /// the facts, until the returned object is disposed; it must not block. The first facts are the VM's sizes.
    /// </summary>
    /// <exception cref="VmGoneException">The VM no longer runs.</exception>
    Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation);

    /// <summary>
    /// Ends a VM that can't be reached, by its process alone. Completes when the process is gone and its memory is back. Ends a process
    /// only if it is known to be the VM's.
    /// </summary>
    /// <exception cref="HypervisorException">The process is still there, or is not known; the message says which.</exception>
    Task EndProcessAsync(VmHandle handle, CancellationToken cancellation) =>
        Task.FromException(
            new HypervisorException($"VM '{handle.Id}' can't be ended while it can't be reached: {Name} does not know its process"));
}

/// <summary>A connected VM. Disposing it closes the connection; the VM runs on.</summary>
public interface IVirtualMachine : IAsyncDisposable
{
    VmCapabilities Capabilities { get; }

    /// <summary>
    /// The handle of the connection, with the process that was found to run the VM, or without one if that could not be found out; null
    /// where nothing new was learned.
    /// </summary>
    VmHandle? Identity => null;

    /// <summary>
    /// Why it is not known which process runs the VM, in one line with the consequences; null where the process is known, or where there
    /// is none.
    /// </summary>
    string? Doubt => null;

    /// <summary>What somebody who adopts this VM should know, each in one line.</summary>
    IReadOnlyList<string> Remarks => [];

    /// <summary>
    /// Reads the sizes and reports them as an observation, whether they are new or not, before it returns. So sizes are always reported
    /// in the order in which they were read, and a caller that has this answer never gets older sizes afterwards.
    /// </summary>
    Task<VmSizes> ReadSizesAsync(CancellationToken cancellation);

    /// <summary>
    /// Asks the balloon to hold back <paramref name="ballooned"/> of the boot memory. Returns when the hypervisor has taken the request,
    /// not when the guest has carried it out.
    /// </summary>
    Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation);

    /// <summary>
    /// Asks for <paramref name="plugged"/> of hotplugged memory over all devices. The amount must be a multiple of
    /// <see cref="VmCapabilities.BlockSize"/> up to <see cref="VmCapabilities.PluggableMax"/>; or the amount that is plugged now, which
    /// moves nothing. Asking for the same amount again wakes a guest's driver that gave up. Several devices are told in such a way that
    /// together they can never become more than this, or than they could become before (<see cref="DeviceVector"/>). Returns when the
    /// devices were told, not when the guest has moved.
    /// </summary>
    Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation);

    /// <summary>
    /// Raises <see cref="VmCapabilities.PluggableMax"/> to at least <paramref name="pluggableMax"/>, which is at most
    /// <see cref="VmCapabilities.ExtendableTo"/>, by adding a hotplug device. Such a device can't be removed again. The VM's new
    /// capabilities come as <see cref="VmObservation.Able"/>.
    /// </summary>
    Task ExtendAsync(MemorySize pluggableMax, CancellationToken cancellation);

    /// <summary>
    /// Adds one rescue DIMM of <see cref="VmCapabilities.RescueSize"/>, for a guest that has no memory left for page metadata: the DIMM
    /// brings its own. It counts as base from then on and stays for good.
    /// </summary>
    Task RescueAsync(CancellationToken cancellation);

    /// <summary>Measures what the VM costs its host now; null where that can't be measured.</summary>
    Task<HostCost?> MeasureAsync(CancellationToken cancellation);

    /// <summary>
    /// Makes the host hold the VM's process to these bounds from now on. Only for a VM whose capabilities name a
    /// <see cref="VmCapabilities.Group"/>.
    /// </summary>
    /// <exception cref="HypervisorException">Not all bounds could be set; the message says why. What was set before may stand.</exception>
    Task BoundAsync(VmBounds bounds, CancellationToken cancellation) =>
        Task.FromException(new HypervisorException("this hypervisor can't hold a VM to its claim"));

    /// <summary>
    /// Asks the guest to power down, as a machine's power button does. Returns when the guest was asked. If it does power down,
    /// <see cref="VmObservation.Ended"/> follows.
    /// </summary>
    Task PowerDownAsync(CancellationToken cancellation);

    /// <summary>Ends the VM at once, whatever its guest does. Completes when the VM is gone and its memory is back.</summary>
    /// <exception cref="HypervisorException">The VM is still there, or it is not known whether it is.</exception>
    Task EndAsync(CancellationToken cancellation);
}

public static class VirtualMachineExtensions
{
    /// <summary>
    /// Reads the sizes of a VM whose ceiling must be known: if it is not known what the balloon was last told, the balloon is first told
    /// to stay as it is.
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
