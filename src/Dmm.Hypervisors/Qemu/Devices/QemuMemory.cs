using System.Text.Json.Nodes;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// Reads and sets the sizes of a QEMU's memory devices. The balloon knows boot memory (and DIMMs) alone: what virtio-mem has plugged is
/// never part of its figure, and a value above is clamped in silence, so it is refused here.
/// </summary>
public sealed class QemuMemory(QmpClient qmp, QemuDevices devices)
{
    private readonly Lock _gate = new();
    private MemorySize? _balloonedTarget;

    public QemuDevices Devices => devices;

    /// <summary>What QEMU says of its balloon; null where it is well or there is none.</summary>
    public string? BalloonFault { get; private set; }

    public async Task<VmSizes> ReadAsync(CancellationToken cancellation)
    {
        var states = MemoryDeviceState.ParseAll(await qmp.ExecuteAsync("query-memory-devices", null, cancellation).ConfigureAwait(false));
        var boot = devices.BootMemory;
        var plugged = MemorySize.Zero;
        var requested = MemorySize.Zero;
        foreach (var state in states)
        {
            if (state.IsDimm)
            {
                boot += state.Size;
            }
            else
            {
                plugged += state.Size;
                requested += state.Requested;
            }
        }

        var ballooned = await ReadBalloonAsync(boot, cancellation).ConfigureAwait(false);
        lock (_gate)
            return new(boot, plugged, ballooned, requested, _balloonedTarget ?? ballooned);
    }

    public async Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation)
    {
        if (devices.BalloonPath is null)
            throw new HypervisorException($"{qmp.Path}: the VM has no balloon; {ballooned} can't be held back");
        var boot = (await ReadAsync(cancellation).ConfigureAwait(false)).Base;
        if (ballooned >= boot)
            throw new HypervisorException($"{qmp.Path}: the balloon can't hold back {ballooned} of {boot} boot memory; it must be less");
        await qmp.ExecuteAsync("balloon", new JsonObject { ["value"] = (boot - ballooned).Bytes }, cancellation).ConfigureAwait(false);
        lock (_gate)
            _balloonedTarget = ballooned;
    }

    /// <summary>
    /// Spreads the amount over the devices in their order and tells each of them, also where it is told the same again: that wakes a
    /// guest's driver that gave up.
    /// </summary>
    public async Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation)
    {
        if (plugged > devices.PluggableMax)
            throw new HypervisorException($"{qmp.Path}: {plugged} can't be plugged; this VM takes at most {devices.PluggableMax}");
        if (!plugged.IsZero && plugged.Bytes % devices.BlockSize.Bytes != 0)
            throw new HypervisorException($"{qmp.Path}: {plugged} can't be plugged; it must be a multiple of {devices.BlockSize}");
        var left = plugged;
        foreach (var device in devices.VirtioMem)
        {
            var part = MemorySize.Min(left, device.Max);
            left -= part;
            await qmp.ExecuteAsync(
                "qom-set",
                new JsonObject { ["path"] = device.Path, ["property"] = "requested-size", ["value"] = part.Bytes },
                cancellation).ConfigureAwait(false);
        }
    }

    private async Task<MemorySize> ReadBalloonAsync(MemorySize boot, CancellationToken cancellation)
    {
        if (devices.BalloonPath is null)
            return MemorySize.Zero;
        try
        {
            var answer = await qmp.ExecuteAsync("query-balloon", null, cancellation).ConfigureAwait(false);
            BalloonFault = null;
            return boot.MinusOrZero(QmpJson.Size(answer, "actual"));
        }
        catch (QmpRefusedException e)
        {
            BalloonFault = e.Description;
            return MemorySize.Zero;
        }
    }
}
