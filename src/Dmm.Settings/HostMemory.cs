using System.Globalization;
using Dmm.Core;
using Dmm.Hocon;
using Dmm.Hypervisors.Qemu;

namespace Dmm.Settings;

/// <summary>
/// Measures memory for <c>dmm.host.memory = auto</c>: this host's memory, or the lowest limit of the cgroups in which VMs are launched
/// (those of this process, unless VMs have their own), because a hypervisor that grows beyond such a limit is killed or slowed to a crawl.
/// </summary>
public static class HostMemory
{
    /// <param name="root">The folder that contains <c>/proc</c> and <c>/sys</c>; tests use one other than <c>/</c>.</param>
    /// <param name="groups"><c>dmm.qemu.groups</c>.</param>
    /// <exception cref="SettingsException">This host's MemTotal can't be read.</exception>
    public static MemorySize Measure(string root = "/", string groups = "off")
    {
        var total = Total(Path.Combine(root, "proc/meminfo"));
        foreach (var limit in ControlGroups.LimitsOfAll(groups, root))
            total = MemorySize.Min(total, limit);
        return total;
    }

    /// <summary>Returns the memory of the whole host, whatever this process may take of it.</summary>
    /// <exception cref="SettingsException">This host's MemTotal can't be read.</exception>
    public static MemorySize OfHost() => Total("/proc/meminfo");

    private static MemorySize Total(string meminfo)
    {
        const string Key = "MemTotal:";
        var line = Lines(meminfo).FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal));
        var words = line?[Key.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        return words is [var number, "kB"] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var kib) && kib > 0
            ? MemorySize.FromKiB(kib)
            : throw new SettingsException($"{meminfo} has no MemTotal, so dmm.host.memory can't be auto; give it a size");
    }

    /// <summary>
    /// Reads the file's lines; none where it is missing or can't be read, because hosts differ in which of these files they have.
    /// </summary>
    private static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
