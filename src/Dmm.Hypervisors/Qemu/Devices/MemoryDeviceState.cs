using System.Collections.Immutable;
using System.Text.Json;
using Dmm.Core;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// One memory device as <c>query-memory-devices</c> tells it: virtio-mem, or a DIMM, which QEMU's balloon counts as boot memory.
/// </summary>
/// <param name="Address">Where it stands in the guest's memory.</param>
/// <param name="Size">What the guest has of it now.</param>
/// <param name="Requested">virtio-mem: what it was last told to become.</param>
public sealed record MemoryDeviceState(string Type, long Address, MemorySize Size, MemorySize Requested, MemorySize Max, MemorySize Block)
{
    /// <summary>Empty where whoever added it gave it none.</summary>
    public string Id { get; init; } = "";

    /// <summary>The path of the object that holds its memory, such as <c>/objects/dimm0-memory</c>.</summary>
    public string Backend { get; init; } = "";

    public bool IsVirtioMem => Type == "virtio-mem";

    public bool IsDimm => Type == "dimm";

    /// <summary>The kinds that count as guest memory; others (nvdimm, virtio-pmem, SGX) are left out.</summary>
    public static ImmutableArray<MemoryDeviceState> ParseAll(JsonElement answer)
    {
        var devices = ImmutableArray.CreateBuilder<MemoryDeviceState>();
        foreach (var item in QmpJson.Items(answer))
        {
            var data = QmpJson.Member(item, "data");
            switch (QmpJson.Text(item, "type"))
            {
                case "virtio-mem":
                    devices.Add(new(
                        "virtio-mem", QmpJson.Size(data, "memaddr").Bytes, QmpJson.Size(data, "size"), QmpJson.Size(data, "requested-size"),
                        QmpJson.Size(data, "max-size"), QmpJson.Size(data, "block-size"))
                    { Id = QmpJson.TextOrEmpty(data, "id"), Backend = QmpJson.TextOrEmpty(data, "memdev") });
                    break;
                case "dimm":
                    var size = QmpJson.Size(data, "size");
                    devices.Add(new("dimm", QmpJson.Size(data, "addr").Bytes, size, size, size, size)
                    { Id = QmpJson.TextOrEmpty(data, "id"), Backend = QmpJson.TextOrEmpty(data, "memdev") });
                    break;
            }
        }

        return devices.ToImmutable();
    }
}
