using System.Text.Json;
using Dmm.Core;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// The room that a machine has for memory devices, as <c>-m size=…,slots=…,maxmem=…</c> set it, and how much of it is taken. Source: QEMU
/// 7.2, <c>qom-get /machine memory</c>; hw/mem/memory-device.c (every device takes address space of its full size, a DIMM a slot as
/// well).
/// </summary>
/// <param name="All">Address space for memory devices: maxmem minus boot memory.</param>
/// <param name="Slots">Slots for DIMMs and NVDIMMs; virtio-mem needs none.</param>
public sealed record MemoryRoom(MemorySize All, int Slots, MemorySize Used, int UsedSlots)
{
    /// <summary>The room of a machine that was started without maxmem, or does not report it.</summary>
    public static MemoryRoom None { get; } = new(MemorySize.Zero, 0, MemorySize.Zero, 0);

    public MemorySize Free => All.MinusOrZero(Used);

    public int FreeSlots => Math.Max(0, Slots - UsedSlots);

    /// <param name="machine">The machine's property <c>memory</c>.</param>
    /// <param name="devices">The answer to <c>query-memory-devices</c>.</param>
    public static MemoryRoom Of(JsonElement machine, JsonElement devices)
    {
        var used = MemorySize.Zero;
        var slots = 0;
        foreach (var item in QmpJson.Items(devices))
        {
            // SGX memory is outside this address space.
            if (QmpJson.Text(item, "type") == "sgx-epc")
                continue;
            var data = QmpJson.Member(item, "data");
            used += QmpJson.Size(data, data.TryGetProperty("max-size", out _) ? "max-size" : "size");
            slots += data.TryGetProperty("slot", out _) ? 1 : 0;
        }

        if (machine.ValueKind != JsonValueKind.Object)
            return None;

        // Where there is no maxmem, there are no slots and max-size may be left out.
        var all = machine.TryGetProperty("max-size", out _)
            ? QmpJson.Size(machine, "max-size").MinusOrZero(QmpJson.Size(machine, "size"))
            : MemorySize.Zero;
        var most = (int)Math.Min(QmpJson.CountOrNull(machine, "slots") ?? 0, int.MaxValue);
        return new(all, most, used, slots);
    }
}
