using System.Collections.Immutable;
using System.Text.Json;
using Dmm.Core;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// One memory device from <c>query-memory-devices</c>: virtio-mem, or a DIMM, which QEMU's balloon counts as boot memory.
/// </summary>
/// <param name="Address">The device's address in the guest's memory.</param>
/// <param name="Size">The memory of the device that the guest has now.</param>
/// <param name="Requested">The size that a virtio-mem device was last told to become; a DIMM's is its size.</param>
public sealed record MemoryDeviceState(string Type, long Address, MemorySize Size, MemorySize Requested, MemorySize Max, MemorySize Block)
{
    /// <summary>The device's id; empty where it was added without one.</summary>
    public string Id { get; init; } = "";

    /// <summary>The path of the object that holds its memory, such as <c>/objects/dimm0-memory</c>.</summary>
    public string Backend { get; init; } = "";

    /// <summary>Whether a DIMM was added while QEMU ran, not on its command line.</summary>
    public bool IsHotplugged { get; init; }

    public bool IsVirtioMem => Type == "virtio-mem";

    public bool IsDimm => Type == "dimm";

    /// <summary>
    /// Whether DMM plugged this DIMM, and may unplug it. Its id alone would not prove that: its memory must be in the object that DMM makes
    /// for this id, and it must have been added while QEMU ran. Every other DIMM belongs to somebody else.
    /// </summary>
    public bool IsOwnDimm => IsOwn(DeviceId.Dimm);

    /// <summary>Whether DMM plugged this DIMM to rescue a guest that was full.</summary>
    public bool IsOwnRescue => IsOwn(DeviceId.Rescue);

    private bool IsOwn(string word) =>
        IsDimm && IsHotplugged && DeviceId.Is(Id, word) && Backend == $"/objects/{DeviceId.BackendOf(Id)}";

    /// <summary>Reads the devices that count as guest memory; other kinds (nvdimm, virtio-pmem, SGX) are left out.</summary>
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
                    {
                        Id = QmpJson.TextOrEmpty(data, "id"),
                        Backend = QmpJson.TextOrEmpty(data, "memdev"),
                        IsHotplugged = QmpJson.MemberOf(data, "hotplugged").ValueKind == JsonValueKind.True,
                    });
                    break;
            }
        }

        return devices.ToImmutable();
    }
}
