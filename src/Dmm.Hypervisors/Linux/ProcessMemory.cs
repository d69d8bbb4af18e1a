using System.Globalization;
using Dmm.Core;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// The host memory that a process holds, without page cache, which is already in MemAvailable. It is cheap to read
/// (<c>/proc/PID/status</c>, counters that the kernel keeps). Source: proc_pid_status(5).
/// </summary>
/// <param name="Pages">
/// Anonymous and shared pages, and page tables; or what the process's own control group holds (<see cref="VmGroup.Held"/>).
/// </param>
/// <param name="Huge">
/// Huge pages of the kernel's own pool: when the process gives them back they return to that pool, and others can't use them.
/// </param>
/// <param name="Locked">Pages that are locked or pinned: by <c>mlock</c>, or for a device that accesses them.</param>
internal sealed record ProcessMemory(MemorySize Pages, MemorySize Huge, MemorySize Locked)
{
    public MemorySize Resident => Pages + Huge;

    /// <summary>Whether <see cref="Pages"/> was read from the process's own control group.</summary>
    public bool OfGroup { get; private init; }

    /// <param name="group">The control group that DMM made for the process; null where there is none.</param>
    /// <returns>Null where it can't be read: there is no such process, it is ending, or this user may not read it.</returns>
    public static ProcessMemory? Of(int pid, VmGroup? group, string root = "/")
    {
        if (Of(pid, root) is not { } memory)
            return null;
        return group?.Held() is { } held ? memory with { Pages = held, OfGroup = true } : memory;
    }

    /// <inheritdoc cref="Of(int, VmGroup?, string)"/>
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
