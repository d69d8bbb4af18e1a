using Dmm.Core;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// A control group that limits memory, of version 2 or 1. Source: Linux, Documentation/admin-guide/cgroup-v2.rst (<c>memory.max</c>,
/// <c>memory.high</c>, <c>memory.current</c>), cgroup-v1/memory.rst. Beyond <c>memory.max</c> a process is killed; beyond
/// <c>memory.high</c> it is slowed to a crawl, which for a VM is hardly better: so the lower of both counts. The groups that DMM made for
/// its VMs are no limits: DMM itself raises them when a VM may grow.
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
            foreach (var limited in Above(version2, path, root))
                yield return limited;
        }
    }

    /// <summary>The limited groups among this group and those above it.</summary>
    /// <param name="path">Below the hierarchy's root, without a slash at its start.</param>
    public static IEnumerable<LimitedGroup> Above(bool version2, string path, string root)
    {
        for (var group = path; ; group = Path.GetDirectoryName(group) ?? "")
        {
            if (!VmGroup.IsOwn(group) && Read(version2, group, root) is { } limited)
                yield return limited;
            if (group.Length == 0)
                break;
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
        var folder = Path.Combine(version2 ? GroupTree.Mount(root) : Path.Combine(root, "sys/fs/cgroup/memory"), group);
        var limit = ProcFiles.Number(Path.Combine(folder, version2 ? "memory.max" : "memory.limit_in_bytes"));
        if (version2 && ProcFiles.Number(Path.Combine(folder, "memory.high")) is { } high)
            limit = Math.Min(high, limit ?? long.MaxValue);
        var used = ProcFiles.Number(Path.Combine(folder, version2 ? "memory.current" : "memory.usage_in_bytes"));
        if (limit is not { } most || most >= Unlimited)
            return null;
        var stat = ProcFiles.Lines(Path.Combine(folder, "memory.stat"));
        var cache = ProcFiles.Figure(stat, version2 ? "inactive_file" : "total_inactive_file") ?? 0;
        return new($"/{group}", new(most), new MemorySize(most).MinusOrZero(new(Math.Max(0, (used ?? 0) - cache))));
    }
}
