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

    /// <param name="states">The memory devices that QEMU has now.</param>
    /// <param name="amount">The total size that the DIMMs should have.</param>
    /// <param name="size">The size of new DIMMs.</param>
    public async Task PlugAsync(
        ImmutableArray<MemoryDeviceState> states, MemorySize amount, MemorySize size, CancellationToken cancellation)
    {
        var dimms = states.Where(d => d.IsDimm && DeviceId.Is(d.Id, DeviceId.Dimm));
        MemoryDeviceState[] own = [.. dimms.OrderBy(d => DeviceId.Number(d.Id, DeviceId.Dimm))];
        string[] present = [.. own.Select(d => d.Id)];
        var wanted = DimmPlan.CountFor([.. own.Select(d => d.Size)], amount, size);
        DimmPlan plan;
        await DropLeftOverAsync().ConfigureAwait(false);
        lock (_gate)
        {
            _wanted = wanted;
            foreach (var gone in _leaving.Keys.Except(present).ToList())
                _leaving.Remove(gone);
            plan = DimmPlan.For(present, _leaving, wanted, _leftOver.Select(DeviceId.DimmOf).OfType<string>());
            foreach (var id in plan.Stay)
                _leaving.Remove(id);
        }

        foreach (var id in plan.Remove)
            await RemoveAsync(id, cancellation).ConfigureAwait(false);
        foreach (var id in plan.Add)
            await AddAsync(qmp, id, size, cancellation).ConfigureAwait(false);
    }

    public static Task AddAsync(QmpClient qmp, string id, MemorySize size, CancellationToken cancellation) =>
        HotAdd.AddAsync(
            qmp, DeviceId.BackendOf(id), size, reserve: true, new JsonObject { ["driver"] = "pc-dimm", ["id"] = id }, cancellation);

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
            case "DEVICE_DELETED" when QmpJson.TextOrEmpty(e.Data, "device") is var id
                && DeviceId.DimmOf(DeviceId.BackendOf(id)) is not null:
                lock (_gate)
                {
                    _leaving.Remove(id);
                    _leftOver.Add(DeviceId.BackendOf(id));
                }

                break;
            default:
                break;
        }
    }

    /// <summary>Finds the memory of DIMMs that went while no daemon watched.</summary>
    /// <param name="objects">QEMU's objects by id.</param>
    public void FindLeftOver(IEnumerable<string> objects, ImmutableArray<MemoryDeviceState> states)
    {
        lock (_gate)
        {
            foreach (var id in objects)
            {
                if (DeviceId.DimmOf(id) is not null && !states.Any(d => d.Backend == $"/objects/{id}"))
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
