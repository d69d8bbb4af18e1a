using System.Globalization;
using Dmm.Core;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// What a process holds of its host that is not page cache: that would be in MemAvailable already. A cheap look (<c>/proc/PID/status</c>,
/// counters that the kernel keeps). Source: proc_pid_status(5).
/// </summary>
/// <param name="Pages">Anonymous and shared pages, and page tables.</param>
/// <param name="Huge">
/// Huge pages of the kernel's own pool: when the process gives them back they are in that pool, and not available to others.
/// </param>
/// <param name="Locked">What is locked or pinned: by <c>mlock</c>, or for a device that accesses it.</param>
internal sealed record ProcessMemory(MemorySize Pages, MemorySize Huge, MemorySize Locked)
{
    public MemorySize Resident => Pages + Huge;

    /// <returns>Null where it can't be told: no such process, one that is ending, or not ours to read.</returns>
    public static ProcessMemory? Of(int pid, string root = "/")
    {
        var status = ProcFiles.Lines(Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"proc/{pid}/status")));
        MemorySize Figure(string key) => ProcFiles.Kibibytes(status, key) ?? MemorySize.Zero;
        return ProcFiles.Kibibytes(status, "RssAnon") is { } anonymous
            ? new(anonymous + Figure("RssShmem") + Figure("VmPTE"), Figure("HugetlbPages"),
                MemorySize.Max(Figure("VmLck"), Figure("VmPin")))
            : null;
    }
}
