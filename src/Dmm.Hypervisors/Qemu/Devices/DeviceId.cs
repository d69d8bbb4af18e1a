using System.Globalization;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// The ids of the devices that DMM adds to a running QEMU: a word and a number. A later daemon recognizes its own devices by them, since
/// QEMU keeps no other mark: <c>dimmN</c> is memory that DMM plugs and unplugs, <c>rescueN</c> a rescue DIMM, <c>vmemN</c> a virtio-mem
/// device.
/// </summary>
internal static class DeviceId
{
    public const string Dimm = "dimm";
    public const string Rescue = "rescue";
    public const string VirtioMem = "vmem";

    /// <summary>Root ports that are kept for further virtio-mem devices; other ports belong to the VM's owner.</summary>
    public const string SparePort = "spare";

    /// <summary>Objects that hold the memory of virtio-mem devices; they have the same numbers.</summary>
    private const string VirtioMemBackend = "hotplug";

    private const string BackendMark = "-memory";

    /// <summary>The id of the object that holds the memory of this device.</summary>
    public static string BackendOf(string id) => id + BackendMark;

    /// <summary>The id of the device whose memory this object holds; null where it is not one of DMM's DIMMs.</summary>
    public static string? DimmOf(string backend) =>
        backend.EndsWith(BackendMark, StringComparison.Ordinal) && backend[..^BackendMark.Length] is var id
        && (Is(id, Dimm) || Is(id, Rescue)) ? id : null;

    public static bool Is(string id, string word) => Number(id, word) is not null;

    /// <summary>
    /// Free ids of this word in rising order, from above the highest that is taken, so that the highest number is always the newest
    /// device.
    /// </summary>
    public static IEnumerable<string> Fresh(string word, IEnumerable<string> taken)
    {
        var next = taken.Max(id => Number(id, word)) + 1 ?? 0;
        while (true)
            yield return Named(word, next++);
    }

    /// <summary>Free ids for a further virtio-mem device and for the object that holds its memory.</summary>
    public static (string Device, string Backend) FreshVirtioMem(IEnumerable<string> devices, IEnumerable<string> objects)
    {
        var taken = devices.Select(id => Number(id, VirtioMem)).Concat(objects.Select(id => Number(id, VirtioMemBackend)));
        var number = taken.Max() + 1 ?? 0;
        return (Named(VirtioMem, number), Named(VirtioMemBackend, number));
    }

    /// <summary>The number of an id: <c>dimm7</c> gives 7; null for other ids.</summary>
    public static int? Number(string id, string word) =>
        id.StartsWith(word, StringComparison.Ordinal)
        && int.TryParse(id.AsSpan(word.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number < int.MaxValue / 2
            ? number
            : null;

    private static string Named(string word, int number) => string.Create(CultureInfo.InvariantCulture, $"{word}{number}");
}
