using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// Measures what a QEMU process costs the host: all its resident memory (shared pages by their share, PSS) with its page tables, and how
/// much of that is not its guest's memory. The guest's memory is recognized by address: QEMU reports where in its own address space the
/// guest's boot memory and each memory device are. Source: proc_pid_smaps(5); QEMU, hmp-commands (<c>gpa2hva</c>).
/// </summary>
public sealed class QemuCost(QmpClient qmp, MemorySize boot, int pid)
{
    private readonly Lock _gate = new();
    private GuestPlaces? _places;

    /// <returns>Null where this daemon may not read the process.</returns>
    public async Task<HostCost?> MeasureAsync(CancellationToken cancellation)
    {
        var places = await LocateAsync(cancellation).ConfigureAwait(false);
        return await Task.Run(() => Measure(places), cancellation).ConfigureAwait(false);
    }

    private HostCost? Measure(GuestPlaces places)
    {
        try
        {
            var tables = ProcessMaps.PageTables(File.ReadLines($"/proc/{pid}/status"));
            var overhead = places.Known ? ProcessMaps.Outside(places.Ranges, File.ReadLines($"/proc/{pid}/smaps")) : null;
            var resident = ProcessMaps.Resident(File.ReadLines($"/proc/{pid}/smaps_rollup")) + tables;
            return new(overhead + tables, resident, resident + ControlGroups.RoomOf(pid));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Looks up the addresses of the guest's memory. A device keeps its address as long as it exists, so the lookup is repeated only when
    /// the devices have changed.
    /// </summary>
    private async Task<GuestPlaces> LocateAsync(CancellationToken cancellation)
    {
        var states = MemoryDeviceState.ParseAll(await qmp.ExecuteAsync("query-memory-devices", null, cancellation).ConfigureAwait(false));
        (long Address, MemorySize Size)[] devices = [(0, boot), .. states.Select(d => (d.Address, d.Max))];
        GuestPlaces? known;
        lock (_gate)
            known = _places;
        if (known is not null && known.Devices.AsSpan().SequenceEqual(devices))
            return known;
        var ranges = new List<ProcessMaps.Range>();
        foreach (var (address, size) in devices)
        {
            var command = new JsonObject { ["command-line"] = $"gpa2hva 0x{address:x}" };
            var answer = await qmp.ExecuteAsync("human-monitor-command", command, cancellation).ConfigureAwait(false);
            if (ProcessMaps.HostAddress(answer.ToString()) is not { } start)
                break;
            ranges.Add(new(start, start + (ulong)size.Bytes));
        }

        var found = new GuestPlaces(devices, [.. ranges], ranges.Count == devices.Length);
        lock (_gate)
            _places = found;
        return found;
    }

    /// <param name="Known">Whether all devices were found.</param>
    private sealed record GuestPlaces((long Address, MemorySize Size)[] Devices, ProcessMaps.Range[] Ranges, bool Known);
}
