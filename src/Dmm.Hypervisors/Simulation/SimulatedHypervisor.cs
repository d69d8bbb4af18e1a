using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;
using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Files;

namespace Dmm.Hypervisors.Simulation;

/// <summary>
/// VMs without a hypervisor, for trying DMM out and for tests of faults, scale and time. Each VM's sizes are in a small file, so that it
/// "runs on" while no daemon does, as a real one would.
/// </summary>
public sealed class SimulatedHypervisor : IHypervisor, IInventory
{
    private readonly SimulationSettings _settings;
    private readonly TimeProvider _time;

    /// <summary>Guards the files: a VM that ends during a lookup must not be restored from its file.</summary>
    private readonly Lock _files = new();

    private readonly ConcurrentDictionary<VmId, SimulatedGuest> _guests = new();
    private readonly System.Runtime.CompilerServices.ConditionalWeakTable<SimulatedGuest, string> _poweredOff = [];

    public SimulatedHypervisor(SimulationSettings settings, TimeProvider time)
    {
        (_settings, _time) = (settings, time);
        Clock = new(time, settings.Step);
        Directory.CreateDirectory(settings.Directory);
    }

    public string Name => "simulation";

    /// <summary>Now, on the clock of the simulated host.</summary>
    internal Moment Now => Clocks.MomentOf(_time);

    /// <summary>Lets the connected VMs move.</summary>
    internal SimulatedClock Clock { get; }

    /// <summary>The boot of the simulated host in which VMs are launched; null: not known.</summary>
    public string? BootId { get; set; }

    /// <summary>Names under which launched guests never report anything; for tests.</summary>
    public ConcurrentDictionary<VmId, bool> Mute { get; } = new();

    /// <summary>VMs whose hypervisor does not answer; for tests.</summary>
    public ConcurrentDictionary<VmId, bool> Unreachable { get; } = new();

    /// <summary>The next launch of this VM fails with that reason; for tests.</summary>
    public ConcurrentDictionary<VmId, string> LaunchFaults { get; } = new();

    public string? Fault(VmSpec spec) =>
        spec.Policy.Max > spec.Boot + _settings.PluggableMax
            ? $"max {spec.Policy.Max} is more than boot {spec.Boot} plus the {_settings.PluggableMax} that can be plugged"
            : null;

    public MemorySize ExpectedOverhead(VmSpec spec) => _settings.Overhead;

    /// <summary>The guest of a running VM, for setting its use and its misbehaviour; null where the VM does not run.</summary>
    public SimulatedGuest? Guest(VmId id) => _guests.GetValueOrDefault(id);

    /// <summary>The host memory of each VM: what its guest has touched, which is what it uses now, and the overhead.</summary>
    public IEnumerable<KeyValuePair<VmId, HeldMemory>> Resident() =>
        _guests.Select(g => KeyValuePair.Create(g.Key, ResidentOf(g.Value)));

    /// <summary>
    /// The resident memory of one VM. A guest whose process keeps given memory counts as having touched all that it has, like one whose
    /// memory is locked.
    /// </summary>
    internal HeldMemory ResidentOf(SimulatedGuest guest) => new(
        (guest.Keeps > 0 || !guest.TookBack.IsZero ? guest.OnHost : guest.Sizes.Actual.MinusOrZero(guest.Available)) + _settings.Overhead,
        Now);

    /// <summary>
    /// Those of the VMs that run: these very VMs, not later ones that were launched under their names. VMs that an earlier daemon left
    /// running are loaded from their files.
    /// </summary>
    internal IEnumerable<VmId> Running(IEnumerable<VmHandle> vms)
    {
        lock (_files)
        {
            // One look at the folder instead of one at each file: a daemon with a thousand VMs does this every second.
            var there = Running().ToHashSet();
            return [.. vms.Where(vm => there.Contains(vm.Id) && IsOf(vm, _guests.GetOrAdd(vm.Id, Read))).Select(vm => vm.Id)];
        }
    }

    public async Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation)
    {
        await Task.Delay(_settings.BootTime, _time, cancellation);
        if (LaunchFaults.TryRemove(spec.Id, out var why))
            throw new HypervisorException(why);
        if (Load(spec.Id) is not null)
            throw new HypervisorException($"a VM named '{spec.Id}' already runs here");
        var guest = new SimulatedGuest(spec.Boot, _settings, SeedOf(spec.Id))
        {
            Used = MemorySize.FromMiB(24),
            Mute = Mute.ContainsKey(spec.Id),
            Born = _time.GetUtcNow(),
            Devices = [Empty(_settings.PluggableMax)],
        };
        lock (_files)
        {
            _guests[spec.Id] = guest;
            Save(spec.Id, guest);
        }

        return HandleOf(spec.Id, guest);
    }

    public Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation) =>
        Task.FromResult(Load(spec.Id) is { } guest ? HandleOf(spec.Id, guest) : null);

    public Task<VmHandle> InspectAsync(VmId id, string socket, CancellationToken cancellation) =>
        throw new HypervisorException($"{id} can't be adopted: with dmm.hypervisor = simulation there is no VM behind {socket}");

    public Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation)
    {
        var guest = Load(handle.Id) ?? throw new VmGoneException($"{handle.Id} no longer runs: {FileOf(handle.Id)} is not there");
        if (Unreachable.ContainsKey(handle.Id))
            throw new HypervisorException($"{handle.Id} does not answer");
        return Task.FromResult<IVirtualMachine>(new SimulatedVm(handle.Id, guest, this, _settings, _time, observe));
    }

    public Task EndProcessAsync(VmHandle handle, CancellationToken cancellation)
    {
        if (Load(handle.Id) is { } guest && IsOf(handle, guest))
            Remove(handle.Id);
        return Task.CompletedTask;
    }

    public IReadOnlyList<VmId> Running() =>
        [.. Directory.EnumerateFiles(_settings.Directory, "*.json")
            .Select(file => VmId.TryParse(Path.GetFileNameWithoutExtension(file), out var id) ? id : (VmId?)null)
            .OfType<VmId>()
            .Order()];

    public Task<VmHandle> TakeStockAsync(VmId id, CancellationToken cancellation) => Load(id) is { } guest
        ? Task.FromResult(HandleOf(id, guest))
        : throw new VmGoneException($"{id} does not run: {FileOf(id)} is not there");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Ends the VM unexpectedly, as a hypervisor's process may end.</summary>
    public void Kill(VmId id) => Remove(id);

    /// <summary>Powers the guest down.</summary>
    public void PowerOff(VmId id)
    {
        if (_guests.TryGetValue(id, out var guest))
            _poweredOff.Add(guest, "");
        Remove(id);
    }

    /// <summary>The observation that a connection gets of a guest that is gone; null while the guest runs.</summary>
    internal VmObservation.Ended? EndOf(VmId id, SimulatedGuest guest) =>
        _guests.GetValueOrDefault(id) == guest ? null
        : _poweredOff.TryGetValue(guest, out _) ? new("the guest shut down", EndCause.PoweredDown)
        : new("its process ended without giving a reason", EndCause.Failed);

    /// <summary>Stores a guest. A guest that has ended meanwhile is not stored: a call that was under way would revive it.</summary>
    internal void Save(VmId id, SimulatedGuest guest)
    {
        lock (_files)
        {
            if (_guests.GetValueOrDefault(id) != guest)
                return;
            var file = FileOf(id);
            File.WriteAllText(file + ".new", JsonSerializer.Serialize(new Stored(
                guest.Base.Bytes, guest.Plugged.Bytes, guest.Ballooned.Bytes, guest.PluggedTarget.Bytes, guest.BalloonedTarget.Bytes,
                guest.Used.Bytes, guest.Born,
                [.. guest.Devices.Select(d => new StoredDevice(d.Size.Bytes, d.Requested.Bytes, d.Max.Bytes))])));
            File.Move(file + ".new", file, overwrite: true);
        }
    }

    internal void Remove(VmId id)
    {
        lock (_files)
        {
            _guests.TryRemove(id, out _);
            File.Delete(FileOf(id));
        }
    }

    private SimulatedGuest? Load(VmId id)
    {
        lock (_files)
            return File.Exists(FileOf(id)) ? _guests.GetOrAdd(id, Read) : null;
    }

    private SimulatedGuest Read(VmId id)
    {
        Stored stored;
        try
        {
            stored = JsonSerializer.Deserialize<Stored>(RegularFile.ReadText(FileOf(id))) ?? throw new JsonException("it is null");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new HypervisorException($"{FileOf(id)} can't be read ({fault.Message}); delete the file to drop the simulated VM", fault);
        }

        return new(new(stored.Base), _settings, SeedOf(id))
        {
            Ballooned = new(stored.Ballooned),
            BalloonedTarget = new(stored.BalloonedTarget),
            Used = new(stored.Used),
            Born = stored.Born,
            Devices = stored.Devices is { Count: > 0 } devices
                ? [.. devices.Select(d => Empty(new(d.Max)) with { Size = new(d.Size), Requested = new(d.Requested) })]
                : [Empty(_settings.PluggableMax) with { Size = new(stored.Plugged), Requested = new(stored.PluggedTarget) }],
        };
    }

    private static HotplugDevice Empty(MemorySize max) => new(MemorySize.Zero, MemorySize.Zero, max, SimulatedGuest.Block);

    /// <summary>
    /// The seed of a VM: the same name gives the same random choices on every machine, which string.GetHashCode would not do.
    /// </summary>
    private static ulong SeedOf(VmId id) => id.Name.Aggregate(0UL, static (hash, letter) => (hash * 31) + letter);

    private bool IsOf(VmHandle handle, SimulatedGuest guest) => HandleOf(handle.Id, guest).SameProcess(handle);

    /// <summary>The handle of a guest. There is no process that would distinguish two VMs of one name, so the launch time does.</summary>
    private VmHandle HandleOf(VmId id, SimulatedGuest guest) =>
        guest.Handle is { } known && known.BootId == BootId && known.Base == guest.Base
            ? known
            : guest.Handle = new(id, Name, guest.Base, $"{FileOf(id)}, {guest.Born:O}", null, null, BootId, Owned: true);

    private string FileOf(VmId id) => Path.Combine(_settings.Directory, $"{id}.json");

    /// <param name="Devices">The devices; null in a file from a time when there was only one.</param>
    private sealed record Stored(
        long Base, long Plugged, long Ballooned, long PluggedTarget, long BalloonedTarget, long Used, DateTimeOffset Born,
        IReadOnlyList<StoredDevice>? Devices = null);

    private sealed record StoredDevice(long Size, long Requested, long Max);
}
