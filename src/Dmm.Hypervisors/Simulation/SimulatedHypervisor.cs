using System.Collections.Concurrent;
using System.Text.Json;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Simulation;

/// <summary>
/// VMs without a hypervisor, for trying DMM out and for tests of faults, scale and time. Each VM's sizes stand in a small file, so that it
/// "runs on" while no daemon does, as a real one would.
/// </summary>
public sealed class SimulatedHypervisor : IHypervisor
{
    private readonly SimulationSettings _settings;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<VmId, SimulatedGuest> _guests = new();

    public SimulatedHypervisor(SimulationSettings settings, TimeProvider time)
    {
        (_settings, _time) = (settings, time);
        Directory.CreateDirectory(settings.Directory);
    }

    public string Name => "simulation";

    /// <summary>The next launch of this VM fails with that reason; for tests.</summary>
    public ConcurrentDictionary<VmId, string> LaunchFaults { get; } = new();

    public string? Fault(VmSpec spec) =>
        spec.Policy.Max > spec.Boot + _settings.PluggableMax
            ? $"max {spec.Policy.Max} is more than boot {spec.Boot} and the {_settings.PluggableMax} that a simulated VM can be plugged"
            : null;

    public MemorySize ExpectedOverhead(VmSpec spec) => _settings.Overhead;

    /// <summary>The guest behind a VM, where it runs: what it uses, and how it misbehaves, can be set there.</summary>
    public SimulatedGuest? Guest(VmId id) => _guests.GetValueOrDefault(id);

    public async Task<VmHandle> LaunchAsync(VmSpec spec, CancellationToken cancellation)
    {
        await Task.Delay(_settings.BootTime, _time, cancellation);
        if (LaunchFaults.TryRemove(spec.Id, out var why))
            throw new HypervisorException(why);
        var guest = new SimulatedGuest(spec.Boot, _settings) { Used = MemorySize.FromMiB(24) };
        _guests[spec.Id] = guest;
        Save(spec.Id, guest);
        return HandleOf(spec.Id, guest);
    }

    public Task<VmHandle?> FindAsync(VmSpec spec, CancellationToken cancellation) =>
        Task.FromResult(Load(spec.Id) is { } guest ? HandleOf(spec.Id, guest) : null);

    public Task<VmHandle> InspectAsync(VmId id, string socket, CancellationToken cancellation) =>
        throw new HypervisorException($"{id} can't be adopted: with dmm.hypervisor = simulation there is no VM behind {socket}");

    public Task<IVirtualMachine> ConnectAsync(VmHandle handle, Action<VmObservation> observe, CancellationToken cancellation)
    {
        var guest = Load(handle.Id) ?? throw new VmGoneException($"{handle.Id} no longer runs: {FileOf(handle.Id)} is not there");
        return Task.FromResult<IVirtualMachine>(new SimulatedVm(handle.Id, guest, this, _settings, _time, observe));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The VM dies of itself, as a hypervisor's process may.</summary>
    public void Kill(VmId id) => Remove(id);

    internal void Save(VmId id, SimulatedGuest guest)
    {
        var file = FileOf(id);
        File.WriteAllText(file + ".new", JsonSerializer.Serialize(new Stored(
            guest.Base.Bytes, guest.Plugged.Bytes, guest.Ballooned.Bytes, guest.PluggedTarget.Bytes, guest.BalloonedTarget.Bytes, guest.Used.Bytes)));
        File.Move(file + ".new", file, overwrite: true);
    }

    internal void Remove(VmId id)
    {
        _guests.TryRemove(id, out _);
        File.Delete(FileOf(id));
    }

    private SimulatedGuest? Load(VmId id)
    {
        if (!File.Exists(FileOf(id)))
            return null;
        return _guests.GetOrAdd(id, _ =>
        {
            var stored = JsonSerializer.Deserialize<Stored>(File.ReadAllText(FileOf(id)))
                ?? throw new HypervisorException($"{FileOf(id)} is empty; remove it to let go of the simulated VM");
            return new(new(stored.Base), _settings)
            {
                Plugged = new(stored.Plugged),
                Ballooned = new(stored.Ballooned),
                PluggedTarget = new(stored.PluggedTarget),
                BalloonedTarget = new(stored.BalloonedTarget),
                Used = new(stored.Used),
            };
        });
    }

    private VmHandle HandleOf(VmId id, SimulatedGuest guest) => new(id, Name, guest.Base, "", null, null, null, Owned: true);

    private string FileOf(VmId id) => Path.Combine(_settings.Directory, $"{id}.json");

    private sealed record Stored(long Base, long Plugged, long Ballooned, long PluggedTarget, long BalloonedTarget, long Used);
}
