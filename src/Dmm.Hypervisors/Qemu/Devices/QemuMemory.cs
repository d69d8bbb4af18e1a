using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// Reads and sets the sizes of a QEMU's memory devices, and adds further devices. The balloon covers only boot memory and DIMMs: memory
/// plugged by virtio-mem is never part of its figure. QEMU silently clamps a value that is too large, so such a value is refused here.
/// Changes are made one at a time.
/// </summary>
public sealed class QemuMemory : IDisposable
{
    private readonly QmpClient _qmp;
    private readonly QemuDimms _dimms;
    private readonly SemaphoreSlim _changing = new(1, 1);
    private readonly Lock _gate = new();

    /// <summary>Used by one change at a time.</summary>
    private readonly DeviceTurn _turn = new();
    private Hotplug _hotplug;
    private MemorySize? _balloonedTarget;

    /// <summary>
    /// The amount that was last asked for, and the total that the devices were told for it. The two differ where the amount is not a
    /// whole number of their blocks.
    /// </summary>
    private (MemorySize Amount, MemorySize Told)? _asked;

    public QemuMemory(QmpClient qmp, QemuDevices devices)
    {
        _qmp = qmp;
        _dimms = new QemuDimms(qmp);
        _hotplug = new Hotplug(devices, GuestLacksVirtioMem: false, GuestBlock: MemorySize.Zero);
    }

    public QemuDevices Devices => Hotplug.Devices;

    public VmCapabilities Capabilities => Hotplug.Describe(BalloonFault);

    public bool GuestLacksVirtioMem => Hotplug.GuestLacksVirtioMem;

    /// <summary>QEMU's error about its balloon; null where the balloon works or there is none.</summary>
    public string? BalloonFault { get; private set; }

    private Hotplug Hotplug
    {
        get
        {
            lock (_gate)
                return _hotplug;
        }
    }

    /// <summary>Looks for the memory of DIMMs that went while no daemon ran; the next reading returns it to the host.</summary>
    public void FindLeftOver() => _dimms.FindLeftOver(Devices);

    public async Task<VmSizes> ReadAsync(CancellationToken cancellation) => (await LookAsync(cancellation).ConfigureAwait(false)).Sizes;

    public Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation) => AloneAsync(
        async () =>
        {
            if (Devices.BalloonPath is null)
                throw new HypervisorException($"{_qmp.Path}: the VM has no balloon; {ballooned} can't be held back");
            var (_, balloonable) = await LookAsync(cancellation).ConfigureAwait(false);
            if (ballooned >= balloonable)
                throw new HypervisorException(
                    $"{_qmp.Path}: the balloon can't hold back {ballooned} of {balloonable} that it can reach; it must be less");
            await _qmp.ExecuteAsync("balloon", new JsonObject { ["value"] = (balloonable - ballooned).Bytes }, cancellation)
                .ConfigureAwait(false);
            lock (_gate)
                _balloonedTarget = ballooned;
        },
        cancellation);

    public Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation) => AloneAsync(
        async () =>
        {
            var states = await ReadStatesAsync(cancellation).ConfigureAwait(false);
            var hotplug = Hotplug;
            // Memory that is already plugged can stay as it is, whatever it is made of.
            var most = MemorySize.Max(hotplug.PluggableMax, DeviceVector.Plugged(HotplugDevices(states)));
            if (plugged > most)
                throw new HypervisorException($"{_qmp.Path}: {plugged} can't be plugged; this VM takes at most {most}");
            if (!plugged.IsZero && plugged.Bytes % hotplug.LeastBlock.Bytes != 0)
                throw new HypervisorException($"{_qmp.Path}: {plugged} can't be plugged; it must be a multiple of {hotplug.BlockSize}");
            if (hotplug.Kind == HotplugKind.Dimm)
                await PlugDimmsAsync(states, plugged, hotplug.BlockSize, cancellation).ConfigureAwait(false);
            else
                await TellVirtioMemAsync(states, plugged, cancellation).ConfigureAwait(false);
        },
        cancellation);

    /// <summary>
    /// Adds a virtio-mem device, so that <paramref name="pluggableMax"/> can be plugged. Does nothing where that much can be plugged
    /// already.
    /// </summary>
    public Task ExtendAsync(MemorySize pluggableMax, CancellationToken cancellation) => AloneAsync(
        async () =>
        {
            await LookAgainAsync(cancellation).ConfigureAwait(false);
            var hotplug = Hotplug;
            if (pluggableMax <= hotplug.PluggableMax)
                return;
            if (pluggableMax > hotplug.ExtendableTo)
            {
                throw new HypervisorException(
                    $"{_qmp.Path}: the pluggable maximum can't be raised from {hotplug.PluggableMax} to {pluggableMax}; "
                        + $"with {Devices.SparePorts.Length} "
                    + $"free root ports and {Devices.Room.Free} of address space left it can be at most {hotplug.ExtendableTo}");
            }

            var id = Fresh(DeviceId.VirtioMem);
            var device = new JsonObject
            {
                ["driver"] = "virtio-mem-pci",
                ["id"] = id,
                ["bus"] = Devices.SparePorts[0],
                ["node"] = 0,
                ["requested-size"] = 0,
            };
            var kind = Devices.Memory;
            if (kind.TakesPagesFirst)
                device["prealloc"] = true;

            // The least block of memory in a folder is known to QEMU alone, which chooses it.
            if (kind.Folder is null || !hotplug.BlockSize.IsZero)
                device["block-size"] = MemorySize.Max(MemorySize.Max(hotplug.BlockSize, MemorySize.FromMiB(2)), kind.PageSize).Bytes;
            var backend = DeviceId.BackendOf(id);
            var memory = kind.Backend(backend, hotplug.ExtensionFor(pluggableMax), whole: false);
            await HotAdd.AddAsync(_qmp, backend, memory, device, cancellation).ConfigureAwait(false);
            await LookAgainAsync(cancellation).ConfigureAwait(false);
        },
        cancellation);

    /// <summary>Adds a rescue DIMM.</summary>
    public Task RescueAsync(CancellationToken cancellation) => AloneAsync(
        async () =>
        {
            await LookAgainAsync(cancellation).ConfigureAwait(false);
            var size = Hotplug.RescueSize;
            if (size.IsZero)
            {
                throw new HypervisorException(Devices.Memory.Refusal is { } refusal
                    ? $"{_qmp.Path}: a rescue DIMM can't be added: {refusal}; what is added must be of the same kind"
                    : Hotplug.Kind == HotplugKind.Dimm
                    ? $"{_qmp.Path}: this VM grows by DIMMs, each of which brings its own metadata; a rescue DIMM would be no different"
                    : $"{_qmp.Path}: there is no room for a rescue DIMM: {Devices.Room.FreeSlots} slots and {Devices.Room.Free} of "
                    + $"address space are free");
            }

            await _dimms.AddAsync(Fresh(DeviceId.Rescue), size, Devices.Memory, cancellation).ConfigureAwait(false);
            await LookAgainAsync(cancellation).ConfigureAwait(false);
        },
        cancellation);

    /// <summary>The guest was reset: what its kernel can do is unknown until its agent speaks, and it counts as able until then.</summary>
    public void ForgetGuest()
    {
        lock (_gate)
            _hotplug = _hotplug with { GuestLacksVirtioMem = false, GuestBlock = MemorySize.Zero };
    }

    /// <summary>
    /// Applies what the guest's agent says about its kernel. If that changes the way memory is plugged, devices are told.
    /// </summary>
    /// <returns>Whether the VM's capabilities have changed.</returns>
    public async Task<bool> MeetGuestAsync(GuestHello hello, CancellationToken cancellation)
    {
        var changed = false;
        await AloneAsync(
            async () =>
            {
                var before = Hotplug;
                var after = before with
                {
                    GuestLacksVirtioMem = hello.VirtioMem is { } has ? !has && !before.Devices.VirtioMem.IsEmpty
                    : before.GuestLacksVirtioMem,
                    GuestBlock = hello.BlockSize is { } block && long.IsPow2(block.Bytes) ? block : before.GuestBlock,
                };
                if (after == before)
                    return;
                lock (_gate)
                    _hotplug = after;
                await LookAgainAsync(cancellation).ConfigureAwait(false);
                changed = true;

                // Requests to devices that the guest can't use would count in addition to the requests for DIMMs.
                if (before.Kind == HotplugKind.VirtioMem && Hotplug.Kind != HotplugKind.VirtioMem)
                    await TellVirtioMemAsync(Devices.States, MemorySize.Zero, cancellation).ConfigureAwait(false);
            },
            cancellation).ConfigureAwait(false);
        return changed;
    }

    /// <summary>Handles one of QEMU's events.</summary>
    public void Hear(QmpEvent e) => _dimms.Hear(e);

    public void Dispose() => _changing.Dispose();

    private async Task<(VmSizes Sizes, MemorySize Balloonable)> LookAsync(CancellationToken cancellation)
    {
        await _dimms.DropLeftOverAsync().ConfigureAwait(false);
        var states = await QueryAsync(cancellation).ConfigureAwait(false);
        _dimms.Know(states);
        var (boot, balloonable) = (Devices.BootMemory, Devices.BootMemory);
        foreach (var state in states.Where(d => d.IsDimm))
        {
            balloonable += state.Size;
            if (!state.IsOwnDimm)
                boot += state.Size;
        }

        var devices = HotplugDevices(states);
        var told = DeviceVector.Requested(devices);
        var ballooned = await ReadBalloonAsync(balloonable, cancellation).ConfigureAwait(false);
        lock (_gate)
        {
            var sizes = new VmSizes(boot, MemorySize.Zero, ballooned, MemorySize.Zero, _balloonedTarget ?? ballooned);
            // QEMU does not report what the balloon was asked for: an earlier daemon, or another manager, may have told it to give all
            // that it holds back.
            if (_balloonedTarget is null && Devices.BalloonPath is not null && BalloonFault is null)
                sizes = sizes.WithBalloonUnsure();
            return (sizes.Of(devices, _asked is { } asked && asked.Told == told ? asked.Amount : null), balloonable);
        }
    }

    private string Fresh(string word) => DeviceId.Fresh(word, Devices.DeviceIds.Concat(Devices.ObjectIds)).First();

    /// <summary>All plugged memory by device: each virtio-mem device, and DMM's DIMMs together as one.</summary>
    private HotplugDevice[] HotplugDevices(ImmutableArray<MemoryDeviceState> states)
    {
        MemoryDeviceState[] dimms = [.. states.Where(d => d.IsOwnDimm)];
        var size = dimms.Aggregate(MemorySize.Zero, (sum, d) => sum + d.Size);
        return
        [
            .. states.Where(d => d.IsVirtioMem).Select(Of),
            new(size, _dimms.Requested(dimms), size, size),
        ];
    }

    private static HotplugDevice Of(MemoryDeviceState state) => new(state.Size, state.Requested, state.Max, state.Block);

    private async Task<ImmutableArray<MemoryDeviceState>> QueryAsync(CancellationToken cancellation) =>
        MemoryDeviceState.ParseAll(await _qmp.ExecuteAsync("query-memory-devices", null, cancellation).ConfigureAwait(false));

    /// <summary>The present memory devices. If somebody else has added or removed one, all devices are discovered again.</summary>
    private async Task<ImmutableArray<MemoryDeviceState>> ReadStatesAsync(CancellationToken cancellation)
    {
        var states = await QueryAsync(cancellation).ConfigureAwait(false);
        if (Devices.VirtioMem.Select(d => d.Address).ToHashSet().SetEquals(states.Where(d => d.IsVirtioMem).Select(d => d.Address)))
            return states;
        await LookAgainAsync(cancellation).ConfigureAwait(false);
        return Devices.States;
    }

    private async Task LookAgainAsync(CancellationToken cancellation)
    {
        var devices = await QemuDevices.DiscoverAsync(_qmp, Devices.Owned, cancellation).ConfigureAwait(false);
        lock (_gate)
            _hotplug = _hotplug with { Devices = devices };
    }

    /// <summary>
    /// Plugs DIMMs. The virtio-mem devices of such a VM keep what they have and what they were told: a VM uses one kind at a time.
    /// </summary>
    private async Task PlugDimmsAsync(
        ImmutableArray<MemoryDeviceState> states, MemorySize plugged, MemorySize size, CancellationToken cancellation)
    {
        var others = states.Where(d => d.IsVirtioMem).Aggregate(MemorySize.Zero, (sum, d) => sum + MemorySize.Max(d.Size, d.Requested));
        try
        {
            await _dimms.PlugAsync(Devices, states, plugged.MinusOrZero(others), size, cancellation).ConfigureAwait(false);
        }
        finally
        {
            // The presence of DIMMs decides how the VM is plugged, and with which size. After a refusal too: somebody else may have taken
            // an id.
            await LookAgainAsync(cancellation).ConfigureAwait(false);
        }

        lock (_gate)
            _asked = (plugged, DeviceVector.Requested(HotplugDevices(Hotplug.Devices.States)));
    }

    /// <summary>
    /// Spreads the amount over the devices (<see cref="DeviceTurn"/>) and tells each of them, even if it is told the same again: that
    /// wakes a guest's driver that gave up.
    /// </summary>
    private async Task TellVirtioMemAsync(ImmutableArray<MemoryDeviceState> states, MemorySize plugged, CancellationToken cancellation)
    {
        var known = Devices.VirtioMem;
        HotplugDevice[] devices = [.. known.Select(d => Of(states.First(s => s.IsVirtioMem && s.Address == d.Address)))];
        var told = _turn.Spread(devices, plugged);
        lock (_gate)
            _asked = (plugged, told.Aggregate(MemorySize.Zero, (sum, part) => sum + part));
        foreach (var i in DeviceVector.InOrder(devices, told))
        {
            await _qmp.ExecuteAsync(
                "qom-set",
                new JsonObject { ["path"] = known[i].Path, ["property"] = "requested-size", ["value"] = told[i].Bytes },
                cancellation).ConfigureAwait(false);
        }
    }

    private async Task<MemorySize> ReadBalloonAsync(MemorySize balloonable, CancellationToken cancellation)
    {
        if (Devices.BalloonPath is null)
            return MemorySize.Zero;
        try
        {
            var answer = await _qmp.ExecuteAsync("query-balloon", null, cancellation).ConfigureAwait(false);
            BalloonFault = null;
            return balloonable.MinusOrZero(QmpJson.Size(answer, "actual"));
        }
        catch (QmpRefusedException e)
        {
            BalloonFault = e.Description;
            return MemorySize.Zero;
        }
    }

    private async Task AloneAsync(Func<Task> change, CancellationToken cancellation)
    {
        await _changing.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            await change().ConfigureAwait(false);
        }
        finally
        {
            _changing.Release();
        }
    }
}
