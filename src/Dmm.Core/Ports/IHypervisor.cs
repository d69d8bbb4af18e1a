using Dmm.Core.Vms;

namespace Dmm.Core.Ports;

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

    /// <summary>
    /// The least memory that the image of this spec can be expected to boot with; zero where that is not known. Looks at files, starts
    /// nothing.
    /// </summary>
    MemorySize ImageNeeds(VmSpec spec) => MemorySize.Zero;

    /// <summary>Starts the VM as a process that outlives this daemon and leaves nothing behind when it fails.</summary>
    /// <exception cref="VmLingersException">It failed and its process is still there.</exception>
    Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation);

    /// <summary>
    /// The VM that an earlier <see cref="LaunchAsync"/> of this spec left running, or null: a daemon that died between launching and
    /// writing that down finds its VM so.
    /// </summary>
    Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation);

    /// <summary>
    /// The name under which this driver launched the process that a handle means, whoever governs it; null where somebody else started it.
    /// </summary>
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
        Task.FromException(
            new HypervisorException($"VM '{handle.Id}' can't be ended while it can't be reached: {Name} knows no process of it"));
}

/// <summary>A VM in hand. Disposing lets go of it; it runs on.</summary>
public interface IVirtualMachine : IAsyncDisposable
{
    VmCapabilities Capabilities { get; }

    /// <summary>
    /// The handle that it was taken up by, with the process that was found to run it, or with none where it could not be told which does;
    /// null where nothing new was learned.
    /// </summary>
    VmHandle? Identity => null;

    /// <summary>
    /// Why it can't be told which process runs it, in one line with what follows; null where that is known, or where there is none to
    /// know.
    /// </summary>
    string? Doubt => null;

    /// <summary>
    /// Reads the sizes and tells them as an observation, new or not, before it returns: so sizes are always told in the order in which they
    /// were read, and whoever has this answer has heard of nothing older.
    /// </summary>
    Task<VmSizes> ReadSizesAsync(CancellationToken cancellation);

    /// <summary>
    /// Asks the balloon to hold back <paramref name="ballooned"/> of the boot memory. Returns when the hypervisor has taken the request,
    /// not when the guest has.
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
    /// <see cref="VmCapabilities.ExtendableTo"/>, by a further hotplug device. Such a device can't be taken away again. What the VM can do
    /// from then on comes as <see cref="VmObservation.Able"/>.
    /// </summary>
    Task ExtendAsync(MemorySize pluggableMax, CancellationToken cancellation);

    /// <summary>
    /// Gives a guest that has nothing left to pay page metadata with one rescue DIMM of <see cref="VmCapabilities.RescueSize"/>, which
    /// brings its own metadata. It counts as base from then on and stays for good.
    /// </summary>
    Task RescueAsync(CancellationToken cancellation);

    /// <summary>What the VM costs its host now; null where it can't be told.</summary>
    Task<HostCost?> MeasureAsync(CancellationToken cancellation);

    /// <summary>
    /// Asks the guest to power down, as the button of a machine does. Returns when it was asked: whether it does so shows as
    /// <see cref="VmObservation.Ended"/>.
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
