using System.Globalization;
using Dmm.Core;
using Dmm.Hocon;

namespace Dmm.Settings;

/// <summary>
/// Measures memory for <c>dmm.host.memory = auto</c>: this host's memory, or the lowest limit of the cgroups of this process, because a
/// hypervisor that grows beyond such a limit is killed.
/// </summary>
public static class HostMemory
{
    /// <param name="root">The folder that contains <c>/proc</c> and <c>/sys</c>; tests use one other than <c>/</c>.</param>
    /// <exception cref="SettingsException">This host's MemTotal can't be read.</exception>
    public static MemorySize Measure(string root = "/")
    {
        var total = Total(Path.Combine(root, "proc/meminfo"));
        foreach (var limit in CgroupLimits(root))
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

    /// <summary>The limits from this process's cgroup up to the root, for cgroups versions 2 and 1.</summary>
    private static IEnumerable<MemorySize> CgroupLimits(string root)
    {
        foreach (var line in Lines(Path.Combine(root, "proc/self/cgroup")))
        {
            // The format is hierarchy:controllers:path; version 2 has hierarchy 0 and no controllers.
            if (line.Split(':', 3) is not [_, var controllers, var path])
                continue;
            var (mount, file) = controllers.Length == 0
                ? ("sys/fs/cgroup", "memory.max")
                : ("sys/fs/cgroup/memory", "memory.limit_in_bytes");
            if (controllers.Length > 0 && !controllers.Split(',').Contains("memory"))
                continue;
            for (var group = path.Trim('/'); ; group = Path.GetDirectoryName(group) ?? "")
            {
                foreach (var text in Lines(Path.Combine(root, mount, group, file)).Take(1))
                {
                    if (long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes))
                        yield return new MemorySize(bytes);
                }

                if (group.Length == 0)
                    break;
            }
        }
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
