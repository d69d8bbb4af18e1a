using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dmm.Core.Memory;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// What a QEMU process costs the host beside its guest's memory: all that it has resident (shared pages by their share, PSS) less what lies
/// in the guest's memory, and its page tables. The guest's memory is told apart by address: QEMU says where in its own address space the
/// guest's boot memory and each memory device stand. Source: proc_pid_smaps(5); QEMU, hmp-commands (<c>gpa2hva</c>).
/// </summary>
public sealed partial class QemuOverhead(QmpClient qmp, QemuDevices devices, int pid)
{
    private (ulong Start, ulong End)[]? _guest;

    /// <returns>Null where it can't be told: no right to look, or guest memory that does not lie in one piece (NUMA backends).</returns>
    public async Task<MemorySize?> MeasureAsync(CancellationToken cancellation)
    {
        try
        {
            _guest ??= await LocateAsync(cancellation).ConfigureAwait(false);
            return _guest is null ? null : await Task.Run(() => Measure(_guest), cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private async Task<(ulong Start, ulong End)[]?> LocateAsync(CancellationToken cancellation)
    {
        var places = new List<(ulong, ulong)>();
        foreach (var (address, size) in devices.VirtioMem.Select(d => (d.Address, d.Max)).Prepend((0, devices.BootMemory)))
        {
            var command = new JsonObject { ["command-line"] = $"gpa2hva 0x{address:x}" };
            var answer = await qmp.ExecuteAsync("human-monitor-command", command, cancellation).ConfigureAwait(false);
            var match = HostAddress().Match(answer.ToString());
            if (!match.Success)
                return null;
            var start = ulong.Parse(match.Groups[1].ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            places.Add((start, start + (ulong)size.Bytes));
        }

        return [.. places];
    }

    private MemorySize? Measure((ulong Start, ulong End)[] guest)
    {
        var total = PageTables();
        var covered = 0UL;
        var inGuest = false;
        foreach (var line in File.ReadLines($"/proc/{pid}/smaps"))
        {
            if (Mapping().Match(line) is { Success: true } mapping)
            {
                var start = ulong.Parse(mapping.Groups[1].ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                var end = ulong.Parse(mapping.Groups[2].ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                inGuest = Array.Exists(guest, place => start >= place.Start && start < place.End);
                covered += inGuest ? end - start : 0;
            }
            else if (!inGuest && line.StartsWith("Pss:", StringComparison.Ordinal))
            {
                total += Kibibytes(line);
            }
        }

        // Guest memory that was not found where it should be would be taken for overhead and counted twice.
        var expected = guest.Aggregate(0UL, (sum, place) => sum + (place.End - place.Start));
        return covered >= expected ? total : null;
    }

    private MemorySize PageTables() =>
        File.ReadLines($"/proc/{pid}/status").FirstOrDefault(l => l.StartsWith("VmPTE:", StringComparison.Ordinal)) is { } line
            ? Kibibytes(line)
            : MemorySize.Zero;

    /// <summary>The figure of a line like <c>Pss:    128 kB</c>.</summary>
    private static MemorySize Kibibytes(string line) =>
        MemorySize.FromKiB(long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));

    [GeneratedRegex("is 0x([0-9a-f]+)")]
    private static partial Regex HostAddress();

    [GeneratedRegex("^([0-9a-f]+)-([0-9a-f]+) [r-][w-][x-][ps-] ")]
    private static partial Regex Mapping();
}
