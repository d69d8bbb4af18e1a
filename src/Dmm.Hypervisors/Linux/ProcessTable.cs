using System.Diagnostics;
using System.Globalization;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// Decides whether a process is proved to be gone. A process that can't be read (too many open files, hidepid, a moment in which it shows
/// nothing) is not thereby proved to be gone.
/// </summary>
internal static class ProcessTable
{
    /// <param name="start">The start time from <c>/proc/PID/stat</c> when the process was found; null: only its pid is known.</param>
    /// <param name="root">The folder that holds <c>/proc</c>; other than <c>/</c> in tests.</param>
    public static bool IsGone(int pid, long? start, string root)
    {
        var folder = Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"proc/{pid}"));
        var stat = ProcFiles.Stat(Path.Combine(folder, "stat"));
        if (stat.Length <= 19)
            return !Directory.Exists(folder) && (root != "/" || IsUnknown(pid));
        if (start is { } expected && long.TryParse(stat[19], NumberStyles.None, CultureInfo.InvariantCulture, out var found)
            && found != expected)
            return true;
        return stat[0] is "Z" or "X" && IsHusk(folder);
    }

    /// <summary>
    /// Whether a zombie has no other threads. A process whose first thread has ended shows as a zombie while other threads run: it has
    /// ended only when no other thread is left.
    /// </summary>
    private static bool IsHusk(string folder)
    {
        try
        {
            return Directory.GetDirectories(Path.Combine(folder, "task")).Length <= 1;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// Whether the kernel knows no process of this pid. A mount of <c>/proc</c> may hide the processes of others (hidepid), so the kernel
    /// is asked: the framework uses kill(2) with signal 0.
    /// </summary>
    private static bool IsUnknown(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return false;
        }
        catch (ArgumentException)
        {
            return true;
        }
    }
}
