using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// Plugs and unplugs memory as DIMMs, for guests without virtio-mem. QEMU keeps no target for them, so what was asked back is remembered
/// here; a later daemon that does not know takes what is for what was asked. A guest's refusal shows only as <c>ACPI_DEVICE_OST</c>, and a
/// DIMM that has gone leaves its memory behind until its object is deleted. Source: ACPI 6.4, 6.3.5 (_OST); QEMU, hw/acpi/memory_hotplug.c;
/// seen with Linux 6.1.
/// </summary>
internal sealed class QemuDimms(QmpClient qmp)
{
    /// <summary><c>_OST</c> of an ejection request by the host.</summary>
    private const int Ejection = 3;

    private const int Done = 0;
    private const int InProgress = 132;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, bool> _leaving = new(StringComparer.Ordinal);
    private readonly HashSet<string> _leftOver = new(StringComparer.Ordinal);
    private int? _wanted;

    /// <summary>
    /// How much of these DIMMs is asked for: as many as were wanted last, those included whose removal can't be called off any more; what
    /// has gone is not on its way back by itself.
    /// </summary>
    public MemorySize Requested(IEnumerable<MemoryDeviceState> own)
    {
        lock (_gate)
        {
            return own.OrderBy(d => _leaving.ContainsKey(d.Id)).Take(_wanted ?? int.MaxValue)
                .Aggregate(MemorySize.Zero, (sum, d) => sum + d.Size);
        }
    }

    /// <param name="states">What QEMU has now.</param>
    /// <param name="amount">What the DIMMs are to be together.</param>
    /// <param name="size">Of those that are added.</param>
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

    /// <summary>Takes notice of an event; others than those of DIMMs are nothing to it.</summary>
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

    /// <summary>The memory of a DIMM that went while nobody looked.</summary>
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
    /// Gives the memory of DIMMs that have gone back to the host; what QEMU still holds on to is tried again the next time.
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
        // Noted first: the answer of a quick guest may come before QEMU's.
        lock (_gate)
            _leaving[id] = false;
        try
        {
            await qmp.ExecuteAsync("device_del", new JsonObject { ["id"] = id }, cancellation).ConfigureAwait(false);
        }
        catch (QmpRefusedException e) when (e.ErrorClass == "DeviceNotFound")
        {
            // It went meanwhile, which is what was wanted.
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
