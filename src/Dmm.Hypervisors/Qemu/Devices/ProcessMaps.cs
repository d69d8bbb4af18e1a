using System.Globalization;
using System.Text.RegularExpressions;
using Dmm.Core;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>Reads the kernel's figures of a process's memory. Source: proc_pid_smaps(5), proc_pid_status(5).</summary>
internal static partial class ProcessMaps
{
    private const string Pss = "Pss:";

    /// <summary>Addresses from <paramref name="Start"/> up to <paramref name="End"/>, in the process.</summary>
    internal readonly record struct Range(ulong Start, ulong End);

    /// <summary>All resident memory, from the lines of <c>smaps_rollup</c>.</summary>
    public static MemorySize Resident(IEnumerable<string> rollup) =>
        rollup.Where(IsPss).Aggregate(MemorySize.Zero, (sum, line) => sum + Kibibytes(line));

    /// <summary>Resident memory outside these ranges, from the lines of <c>smaps</c>.</summary>
    /// <returns>
    /// Null where the ranges are not fully mapped (guest memory in several pieces, as with NUMA backends): the missing part would count
    /// as overhead, and so count twice.
    /// </returns>
    public static MemorySize? Outside(IReadOnlyCollection<Range> ranges, IEnumerable<string> smaps)
    {
        var total = MemorySize.Zero;
        var covered = 0UL;
        var inside = false;
        foreach (var line in smaps)
        {
            if (Mapping().Match(line) is { Success: true } mapping)
            {
                var (start, end) = (Address(mapping.Groups[1]), Address(mapping.Groups[2]));
                inside = ranges.Any(range => start >= range.Start && start < range.End);
                covered += inside ? end - start : 0;
            }
            else if (!inside && IsPss(line))
            {
                total += Kibibytes(line);
            }
        }

        return covered >= ranges.Aggregate(0UL, (sum, range) => sum + (range.End - range.Start)) ? total : null;
    }

    /// <summary>The size mapped for reading and writing without a gap from an address on, from the lines of <c>maps</c>.</summary>
    public static MemorySize MappedFrom(ulong address, IEnumerable<string> maps)
    {
        var reached = address;
        foreach (var line in maps)
        {
            if (Mapping().Match(line) is not { Success: true } mapping
                || !mapping.ValueSpan[^6..].StartsWith(" rw", StringComparison.Ordinal))
                continue;
            if (Address(mapping.Groups[1]) <= reached && Address(mapping.Groups[2]) is var end && end > reached)
                reached = end;
        }

        return new((long)Math.Min(reached - address, long.MaxValue));
    }

    /// <summary>The process's page tables, from the lines of <c>status</c>.</summary>
    public static MemorySize PageTables(IEnumerable<string> status) =>
        status.FirstOrDefault(l => l.StartsWith("VmPTE:", StringComparison.Ordinal)) is { } line ? Kibibytes(line) : MemorySize.Zero;

    /// <summary>The address in the answer of <c>gpa2hva</c>: <c>Host virtual address for 0x0 (pc.ram) is 0x7f…</c>.</summary>
    public static ulong? HostAddress(string answer) =>
        HostAddressPattern().Match(answer) is { Success: true } match ? Address(match.Groups["address"]) : null;

    /// <summary>The name of the memory in the answer of <c>gpa2hva</c>.</summary>
    public static string? RegionName(string answer) =>
        HostAddressPattern().Match(answer) is { Success: true } match && match.Groups["name"] is { Success: true } name ? name.Value : null;

    private static bool IsPss(string line) => line.StartsWith(Pss, StringComparison.Ordinal);

    private static ulong Address(Group text) => ulong.Parse(text.ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>The figure of a line like <c>Pss:    128 kB</c>.</summary>
    private static MemorySize Kibibytes(string line) =>
        MemorySize.FromKiB(long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));

    [GeneratedRegex(@"(?:\((?<name>[^)]*)\) )?is 0x(?<address>[0-9a-f]+)")]
    private static partial Regex HostAddressPattern();

    [GeneratedRegex("^([0-9a-f]+)-([0-9a-f]+) [r-][w-][x-][ps-] ")]
    private static partial Regex Mapping();
}
