using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// Plugs and unplugs memory as DIMMs, for guests without virtio-mem. QEMU keeps no target for DIMMs, so the requests are remembered here;
/// a later daemon, which does not know them, assumes that the present DIMMs are the requested ones. A guest's refusal shows only as
/// <c>ACPI_DEVICE_OST</c>. A DIMM that has gone leaves its memory behind until its object is deleted. Source: ACPI 6.4, 6.3.5 (_OST);
/// QEMU, hw/acpi/memory_hotplug.c; seen with Linux 6.1.
/// </summary>
internal sealed class QemuDimms(QmpClient qmp)
{
    /// <summary>The <c>_OST</c> source code of an ejection request by the host.</summary>
    private const int Ejection = 3;

    private const int Done = 0;
    private const int InProgress = 132;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, bool> _leaving = new(StringComparer.Ordinal);
    private readonly HashSet<string> _leftOver = new(StringComparer.Ordinal);

    /// <summary>The ids of all DIMMs that were seen to be DMM's own: when one of them goes, its memory is DMM's to return.</summary>
    private readonly HashSet<string> _own = new(StringComparer.Ordinal);
    private int? _wanted;

    /// <summary>
    /// How much of these DIMMs is requested: as many as were last wanted, including those whose removal can no longer be called off. A
    /// DIMM that has gone does not come back by itself.
    /// </summary>
    public MemorySize Requested(IEnumerable<MemoryDeviceState> own)
    {
        lock (_gate)
        {
            return own.OrderBy(d => _leaving.ContainsKey(d.Id)).Take(_wanted ?? int.MaxValue)
                .Aggregate(MemorySize.Zero, (sum, d) => sum + d.Size);
        }
    }

    /// <summary>Notes which DIMMs are DMM's own, while they can be seen, and which of them have gone.</summary>
    public void Know(ImmutableArray<MemoryDeviceState> states)
    {
        lock (_gate)
        {
            string[] present = [.. states.Where(d => d.IsOwnDimm || d.IsOwnRescue).Select(d => d.Id)];
            _leftOver.UnionWith(_own.Except(present).Select(DeviceId.BackendOf));
            // These states may be older than a DIMM that was added meanwhile.
            _leftOver.ExceptWith(present.Select(DeviceId.BackendOf));
            _own.IntersectWith(present);
            _own.UnionWith(present);
        }
    }

    /// <param name="devices">The devices as they were last discovered: they say which ids are taken.</param>
    /// <param name="states">The memory devices that QEMU has now.</param>
    /// <param name="amount">The total size that the DIMMs should have.</param>
    /// <param name="size">The size of new DIMMs.</param>
    public async Task PlugAsync(
        QemuDevices devices, ImmutableArray<MemoryDeviceState> states, MemorySize amount, MemorySize size, CancellationToken cancellation)
    {
        MemoryDeviceState[] own = [.. states.Where(d => d.IsOwnDimm).OrderBy(d => DeviceId.Number(d.Id, DeviceId.Dimm))];
        Know(states);
        string[] present = [.. own.Select(d => d.Id)];
        var wanted = DimmPlan.CountFor([.. own.Select(d => d.Size)], amount, size);
        DimmPlan plan;
        await DropLeftOverAsync().ConfigureAwait(false);
        lock (_gate)
        {
            _wanted = wanted;
            foreach (var gone in _leaving.Keys.Except(present).ToList())
                _leaving.Remove(gone);
            plan = DimmPlan.For(
                present, _leaving, wanted,
                [
                    .. _leftOver, .. devices.ObjectIds.Where(o => !DeviceId.IsOwnBackend(o)), .. devices.DeviceIds,
                    .. states.Select(d => d.Id),
                ]);
            foreach (var id in plan.Stay)
                _leaving.Remove(id);
        }

        foreach (var id in plan.Remove)
            await RemoveAsync(id, cancellation).ConfigureAwait(false);
        foreach (var id in plan.Add)
            await AddAsync(id, size, devices.Memory, cancellation).ConfigureAwait(false);
    }

    public async Task AddAsync(string id, MemorySize size, MemoryKind kind, CancellationToken cancellation)
    {
        var backend = DeviceId.BackendOf(id);
        var device = new JsonObject { ["driver"] = "pc-dimm", ["id"] = id, ["node"] = 0 };
        await HotAdd.AddAsync(qmp, backend, kind.Backend(backend, size, whole: true), device, cancellation).ConfigureAwait(false);
        lock (_gate)
            _own.Add(id);
    }

    /// <summary>Handles an event; events that are not about DIMMs are ignored.</summary>
    public void Hear(QmpEvent e)
    {
        switch (e.Name)
        {
            case "ACPI_DEVICE_OST" when QmpJson.MemberOf(e.Data, "info") is var info
                && QmpJson.TextOrEmpty(info, "device") is { Length: > 0 } id
                && IntOf(info, "source") == Ejection:
                lock (_gate)
                {
                    if (_leaving.ContainsKey(id))
                        _leaving[id] = IntOf(info, "status") is not (Done or InProgress);
                }

                break;
            case "DEVICE_DELETED" when QmpJson.TextOrEmpty(e.Data, "device") is { Length: > 0 } id:
                lock (_gate)
                {
                    _leaving.Remove(id);
                    if (_own.Remove(id))
                        _leftOver.Add(DeviceId.BackendOf(id));
                }

                break;
            default:
                break;
        }
    }

    /// <summary>
    /// Finds the memory of devices that went, or never came, while no daemon watched. What an earlier release left is not found: without
    /// its device, nothing proves whose it is.
    /// </summary>
    public void FindLeftOver(QemuDevices devices)
    {
        lock (_gate)
        {
            foreach (var id in devices.ObjectIds)
            {
                if (DeviceId.IsOwnBackend(id) && !devices.States.Any(d => d.Backend == $"/objects/{id}"))
                    _leftOver.Add(id);
            }
        }
    }

    /// <summary>
    /// Returns the memory of DIMMs that have gone to the host. Memory that QEMU still holds is tried again the next time.
    /// </summary>
    public async Task DropLeftOverAsync()
    {
        string[] leftOver;
        lock (_gate)
            leftOver = [.. _leftOver];
        foreach (var backend in leftOver)
        {
            if (!await HotAdd.TryDropAsync(qmp, backend).ConfigureAwait(false))
                continue;
            lock (_gate)
                _leftOver.Remove(backend);
        }
    }

    private async Task RemoveAsync(string id, CancellationToken cancellation)
    {
        // This is noted first: the answer of a fast guest may come before QEMU's answer.
        lock (_gate)
            _leaving[id] = false;
        try
        {
            await qmp.ExecuteAsync("device_del", new JsonObject { ["id"] = id }, cancellation).ConfigureAwait(false);
        }
        catch (QmpRefusedException e) when (e.ErrorClass == "DeviceNotFound")
        {
            // The DIMM went meanwhile, which is what was wanted.
            return;
        }
        catch (QmpRefusedException e) when (!e.Description.Contains("already in the process of unplug", StringComparison.Ordinal))
        {
            lock (_gate)
                _leaving[id] = true;
            throw;
        }
    }

    private static int? IntOf(JsonElement element, string name) =>
        QmpJson.MemberOf(element, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out var number) ? number : null;
}
