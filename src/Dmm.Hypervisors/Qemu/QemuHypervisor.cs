using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Accel;
using Dmm.Hypervisors.Qemu.Connection;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu;

/// <summary>
/// The driver for QEMU: launches VMs as processes that outlive the daemon, connects to them again through their QMP sockets, and adopts
/// VMs that somebody else started. It keeps no state of its own except the VMs' folders; everything else is read from QEMU.
/// </summary>
public sealed class QemuHypervisor : IHypervisor, IInventory
{
    public const string DriverName = "qemu";

    private readonly QemuSettings _settings;
    private readonly TimeProvider _time;
    private readonly Action<string> _log;
    private readonly AccelChoice _accel;
    private readonly VmGroups _groups;
    private readonly QemuLauncher _launcher;
    private readonly QemuConnector _connector;
    private readonly Lock _gate = new();
    private readonly HashSet<VmId> _launching = [];

    /// <param name="log">Gets lines for the operator; null drops them.</param>
    /// <exception cref="HypervisorException">A setting is not valid.</exception>
    public QemuHypervisor(QemuSettings settings, TimeProvider time, Action<string>? log = null)
    {
        if (settings.Fault() is { } fault)
            throw new HypervisorException(fault);
        _settings = settings;
        _time = time;
        _log = log ?? (_ => { });
        _accel = new AccelChoice(settings, time, _log);
        _groups = new VmGroups(settings, _log);
        _launcher = new QemuLauncher(settings, _groups, time, _log);
        _connector = new QemuConnector(settings, time);
    }

    public string Name => DriverName;

    public string? Acceleration => _accel.Known is { } known
        ? $"{(known.Accel == QemuAccel.Kvm ? "kvm" : "tcg")} ({known.Why})" : null;

    public string? Fault(VmSpec spec) => SpecFaults.Find(spec, _settings, MaxMemory)
        ?? (_accel.Known?.Accel == QemuAccel.Kvm ? LaunchUser.Find(_settings).User?.ObstacleToKvm(_settings) : null);

    public MemorySize ExpectedOverhead(VmSpec spec) =>
        LaunchCost.Expect(spec, _settings, _accel.Known?.Accel ?? QemuAccel.Tcg);

    /// <summary>
    /// An estimate that is safe for Linux: a compressed kernel grows to several times its size while it unpacks itself, an initrd is in
    /// memory packed and unpacked at the same time, and 64 MiB are for the rest. A disk's kernel and initrd are not known: 192 MiB are
    /// enough for the usual ones.
    /// </summary>
    public MemorySize ImageNeeds(VmSpec spec)
    {
        static MemorySize Of(string? path) =>
            path is not null && new FileInfo(path) is { Exists: true } file ? new(file.Length) : MemorySize.Zero;
        return spec.Medium switch
        {
            BootMedium.KernelBoot kernel => (MemorySize.FromMiB(64) + Of(kernel.Kernel).Scale(4) + Of(kernel.Initrd).Scale(4))
                .RoundUp(MemorySize.FromMiB(2)),
            BootMedium.DiskBoot => MemorySize.FromMiB(192),
            _ => MemorySize.Zero,
        };
    }

    public async Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation)
    {
        return await AloneAsync(spec, async () =>
        {
            RefuseFaulty(spec);
            var accel = await _accel.DecideAsync(cancellation).ConfigureAwait(false);

            // The address space of a guest is known for certain only with the accelerator, so the spec is checked again.
            RefuseFaulty(spec);
            var folder = VmFolder.Of(_settings, spec.Id);
            var arguments = QemuCommandLine.Build(spec, _settings, folder, accel.Accel, MaxMemory);
            return await _launcher.LaunchAsync(spec, folder, arguments, cancellation).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    public Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation) =>
        AloneAsync(spec, () => _launcher.FindAsync(spec, VmFolder.Of(_settings, spec.Id), cancellation));

    public VmId? LaunchedAs(VmHandle handle)
    {
        if (handle is not { Pid: { } pid, PidStart: { } start } || !Directory.Exists(_settings.VmsDirectory))
            return null;
        var process = new HostProcess(pid, start);
        return Directory.EnumerateDirectories(_settings.VmsDirectory)
            .Select(path => VmId.TryParse(Path.GetFileName(path), out var id) && process.Has("-pidfile", VmFolder.Of(_settings, id).PidFile)
                ? id : (VmId?)null)
            .FirstOrDefault(id => id is not null);
    }

    public async Task<VmHandle> InspectAsync(VmId id, string socket, CancellationToken cancellation)
    {
        // Links are resolved: two names of one socket are one VM.
        socket = RealPath.Of(socket);
        var qmp = await QmpClient.ConnectAsync(socket, _settings.Qmp, _time, cancellation).ConfigureAwait(false);
        await using var release = qmp.ConfigureAwait(false);
        var devices = await QemuDevices.DiscoverAsync(qmp, owned: false, cancellation).ConfigureAwait(false);
        using var memory = new QemuMemory(qmp, devices);
        var sizes = await memory.ReadAsync(cancellation).ConfigureAwait(false);
        await RefuseIncomingAsync(qmp, cancellation).ConfigureAwait(false);
        var process = (await QemuIdentity.FindAsync(qmp, _settings.Binary, devices.BootMemory, cancellation).ConfigureAwait(false)).Process;
        return new VmHandle(id, DriverName, sizes.Base, socket, process?.Pid, process?.Start, HostProcess.ReadBootId(), Owned: false)
        {
            Proved = process is not null,
            AgentSocket = devices.AgentSocket,
            StatisticsSeconds = devices.BalloonPath is null ? null
                : await BalloonStatistics.PeriodAsync(qmp, devices.BalloonPath, cancellation).ConfigureAwait(false),
        };
    }

    public IReadOnlyList<VmId> Running() => !Directory.Exists(_settings.VmsDirectory)
        ? []
        : [.. Directory.EnumerateDirectories(_settings.VmsDirectory)
            .Select(path => VmId.TryParse(Path.GetFileName(path), out var id)
                && _launcher.FindRunning(VmFolder.Of(_settings, id)) is not null ? id : (VmId?)null)
            .OfType<VmId>()
            .Order()];

    public async Task<VmHandle> TakeStockAsync(VmId id, CancellationToken cancellation)
    {
        var folder = VmFolder.Of(_settings, id);
        if (_launcher.FindRunning(folder) is not { } process)
            throw new VmGoneException($"VM '{id}' does not run: no process was started with {folder.PidFile}");
        var qmp = await QmpClient.ConnectAsync(folder.Control, _settings.Qmp, _time, cancellation).ConfigureAwait(false);
        await using var release = qmp.ConfigureAwait(false);
        using var memory = new QemuMemory(qmp, await QemuDevices.DiscoverAsync(qmp, owned: true, cancellation).ConfigureAwait(false));
        var sizes = await memory.ReadAsync(cancellation).ConfigureAwait(false);
        return QemuLauncher.HandleOf(id, sizes.Base, folder, process);
    }

    public async Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation)
    {
        var process = QemuConnector.ProcessOf(handle);
        var qmp = await _connector.ConnectAsync(handle, process, cancellation).ConfigureAwait(false);
        ProcessHold? hold;
        string? doubt;
        try
        {
            (process, doubt) = await _connector.IdentifyAsync(handle, process, qmp, cancellation).ConfigureAwait(false);
            hold = process is null ? null : ProcessHold.Take(process)
                ?? throw new VmGoneException($"VM '{handle.Id}' no longer runs: process {process.Pid} is gone");
        }
        catch
        {
            await qmp.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        var identified = handle.Owned ? handle
            : handle with
            {
                Pid = process?.Pid,
                PidStart = process?.Start,
                BootId = HostProcess.ReadBootId(),
                Proved = process is not null,
            };
        return await QemuVirtualMachine
            .TakeUpAsync(identified, qmp, hold, _groups, doubt, _settings, _time, observe, _log, cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// Ends a VM's process by SIGTERM, then by SIGKILL. A QEMU that gets SIGTERM ends cleanly, with its disks written, unless it hangs:
    /// so it gets one before it is killed.
    /// </summary>
    public async Task EndProcessAsync(VmHandle handle, CancellationToken cancellation)
    {
        HostProcess? process;
        try
        {
            process = QemuConnector.ProcessOf(handle);
        }
        catch (VmGoneException)
        {
            return;
        }

        if (process is null)
        {
            throw new HypervisorException(
                $"VM '{handle.Id}' can't be reached at {handle.Control}, and its process is not known: DMM ends no process "
                    + $"that may not be this VM's");
        }

        using var hold = ProcessHold.Take(process);
        hold?.Terminate();
        if (hold is not null && await hold.WaitAsync(_settings.CommandDeadline, _settings.FlushDeadline, _time, cancellation)
            .ConfigureAwait(false) != ProcessLook.Gone)
        {
            hold.Kill();
            if (await hold.WaitAsync(_settings.ExitDeadline, _time, cancellation).ConfigureAwait(false) != ProcessLook.Gone)
                throw new VmLingersException(
                    $"process {process.Pid} of VM '{handle.Id}' was killed and is still there "
                        + $"after {_settings.ExitDeadline.TotalSeconds:0.#} s");
        }

        VmFolder.Of(handle)?.Remove();
        _groups.Sweep();
    }

    /// <summary>Refuses a VM that waits for its guest to be migrated in: its devices do not yet show what the VM will have.</summary>
    private static async Task RefuseIncomingAsync(QmpClient qmp, CancellationToken cancellation)
    {
        try
        {
            var (state, why) = RunStateWatch.Read(await qmp.ExecuteAsync("query-status", null, cancellation).ConfigureAwait(false));
            if (state == VmRunState.MigratingIn)
                throw new HypervisorException($"{qmp.Path}: {why}; adopt it when its guest runs");
        }
        catch (QmpRefusedException)
        {
            // A QEMU that does not answer this query can't be checked.
            return;
        }
    }

    /// <summary>Ends nothing: VMs run on, and each connection is closed by its holder.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private MemorySize MaxMemory => LaunchCost.AddressSpace(_settings, _accel.Known?.Accel ?? QemuAccel.Tcg);

    private void RefuseFaulty(VmSpec spec)
    {
        if (Fault(spec) is { } fault)
            throw new HypervisorException($"VM '{spec.Id}': {fault}");
    }

    /// <summary>Allows one launch of a name at a time: two would delete each other's folder.</summary>
    private async Task<T> AloneAsync<T>(VmSpec spec, Func<Task<T>> work)
    {
        lock (_gate)
        {
            if (!_launching.Add(spec.Id))
                throw new HypervisorException($"VM '{spec.Id}' is being launched already");
        }

        try
        {
            return await work().ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
                _launching.Remove(spec.Id);
        }
    }
}
