using System.Globalization;
using Dmm.Core;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// A control group that limits memory, of version 2 or 1. Source: Linux, Documentation/admin-guide/cgroup-v2.rst (<c>memory.max</c>,
/// <c>memory.current</c>), cgroup-v1/memory.rst. <c>memory.high</c> slows and does not kill; it is left out.
/// </summary>
/// <param name="Name">The group's path below the hierarchy's root.</param>
/// <param name="Available">
/// The limit minus the use. File pages not used lately do not count as use: the kernel drops them before it kills.
/// </param>
internal sealed record LimitedGroup(string Name, MemorySize Limit, MemorySize Available)
{
    /// <summary>The kernel shows "no limit" of version 1 as the largest number of whole pages.</summary>
    private const long Unlimited = long.MaxValue / 4096 * 4096;

    /// <summary>The limited groups among a process's own group and the groups above it.</summary>
    /// <param name="process"><c>self</c> or a pid.</param>
    public static IEnumerable<LimitedGroup> Of(string process, string root)
    {
        foreach (var (version2, path) in PathsOf(process, root))
        {
            for (var group = path; ; group = Path.GetDirectoryName(group) ?? "")
            {
                if (Read(version2, group, root) is { } limited)
                    yield return limited;
                if (group.Length == 0)
                    break;
            }
        }
    }

    /// <summary>Whether the process is in this group or below it.</summary>
    public bool Holds(string process, string root) =>
        PathsOf(process, root).Any(p => Name == "/" || $"/{p.Path}/".StartsWith($"{Name}/", StringComparison.Ordinal));

    /// <summary>Lines of <c>/proc/PID/cgroup</c>: <c>hierarchy:controllers:path</c>; version 2 has no controllers.</summary>
    private static IEnumerable<(bool Version2, string Path)> PathsOf(string process, string root)
    {
        foreach (var line in ProcFiles.Lines(Path.Combine(root, "proc", process, "cgroup")))
        {
            // A path that leads out of this daemon's cgroup namespace (/../…) starts at the visible root.
            if (line.Split(':', 3) is [_, var controllers, var path]
                && (controllers.Length == 0 || controllers.Split(',').Contains("memory")))
                yield return (controllers.Length == 0, path.Split('/').Contains("..") ? "" : path.Trim('/'));
        }
    }

    private static LimitedGroup? Read(bool version2, string group, string root)
    {
        var folder = Path.Combine(root, version2 ? "sys/fs/cgroup" : "sys/fs/cgroup/memory", group);
        var limit = ProcFiles.Number(Path.Combine(folder, version2 ? "memory.max" : "memory.limit_in_bytes"));
        var used = ProcFiles.Number(Path.Combine(folder, version2 ? "memory.current" : "memory.usage_in_bytes"));
        if (limit is not { } most || most >= Unlimited || used is not { } use)
            return null;
        var key = version2 ? "inactive_file " : "total_inactive_file ";
        var line = Array.Find(ProcFiles.Lines(Path.Combine(folder, "memory.stat")), l => l.StartsWith(key, StringComparison.Ordinal));
        var cache = line is not null
            && long.TryParse(line.AsSpan(key.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : 0;
        return new($"/{group}", new(most), new MemorySize(most).MinusOrZero(new(Math.Max(0, use - cache))));
    }
}
