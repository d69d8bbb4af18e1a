using System.Globalization;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// The ids of what DMM adds to a running QEMU: DMM's prefix, a word and a number. A later daemon recognizes its own by them, since QEMU
/// keeps no other mark: <c>dmm-dimmN</c> is memory that DMM plugs and unplugs, <c>dmm-rescueN</c> a rescue DIMM, <c>dmm-vmemN</c> a
/// virtio-mem device; the object that holds its memory has the same id with <c>-memory</c> after it. Earlier releases used the words
/// without the prefix. QEMU's own documentation uses them too, so such an id proves nothing by itself
/// (<see cref="MemoryDeviceState.IsOwnDimm"/>).
/// </summary>
internal static class DeviceId
{
    public const string Dimm = "dimm";
    public const string Rescue = "rescue";
    public const string VirtioMem = "vmem";

    /// <summary>Root ports on which further virtio-mem devices may be added; other ports belong to the VM's owner.</summary>
    public const string SparePort = "spare";

    private const string Prefix = "dmm-";

    private const string BackendMark = "-memory";

    /// <summary>The id that a root port of this number has in a VM of DMM's own.</summary>
    public static string SparePortOf(int number) => Named(SparePort, number);

    /// <summary>
    /// Whether this root port was given to DMM. The id says so: only whoever started the VM can choose it. In a VM that DMM itself
    /// launched, earlier releases left out the prefix.
    /// </summary>
    public static bool IsSparePort(string id, bool owned) => Number(id, SparePort) is not null && (owned || HasPrefix(id));

    /// <summary>The id of the object that holds the memory of this device.</summary>
    public static string BackendOf(string id) => id + BackendMark;

    /// <summary>Whether DMM made this object, to hold the memory of a device: its id has DMM's prefix, a word and a number.</summary>
    public static bool IsOwnBackend(string backend) =>
        HasPrefix(backend) && DeviceOf(backend) is { } id && (Is(id, Dimm) || Is(id, Rescue) || Is(id, VirtioMem));

    public static bool Is(string id, string word) => Number(id, word) is not null;

    /// <summary>
    /// Free ids of this word in rising order, from above the highest that is taken, so that the highest number is always the newest
    /// device.
    /// </summary>
    /// <param name="taken">The ids of devices and of objects.</param>
    public static IEnumerable<string> Fresh(string word, IEnumerable<string> taken)
    {
        var next = taken.Max(id => Number(DeviceOf(id) ?? id, word)) + 1 ?? 0;
        while (true)
            yield return Named(word, next++);
    }

    /// <summary>The number of an id, with DMM's prefix or without: <c>dmm-dimm7</c> gives 7; null for other ids.</summary>
    public static int? Number(string id, string word)
    {
        var name = id.AsSpan(HasPrefix(id) ? Prefix.Length : 0);
        return name.StartsWith(word, StringComparison.Ordinal)
            && int.TryParse(name[word.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number < int.MaxValue / 2
                ? number
                : null;
    }

    private static bool HasPrefix(string id) => id.StartsWith(Prefix, StringComparison.Ordinal);

    private static string? DeviceOf(string backend) =>
        backend.EndsWith(BackendMark, StringComparison.Ordinal) ? backend[..^BackendMark.Length] : null;

    private static string Named(string word, int number) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{word}{number}");
}
