using System.Diagnostics;
using System.Globalization;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// Whether a process is proved to be gone. That it can't be read (too many open files, hidepid, a moment in its life in which it shows
/// nothing) proves nothing.
/// </summary>
internal static class ProcessTable
{
    /// <param name="start">As <c>/proc/PID/stat</c> told it when the process was met; null: it is known by its pid alone.</param>
    /// <param name="root">Where <c>/proc</c> is; other than <c>/</c> in tests.</param>
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

    /// <summary>A process whose first thread has ended shows as a zombie while others run: it is over when only the husk is left.</summary>
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
    /// A mount of <c>/proc</c> may hide the processes of others (hidepid): the kernel itself knows. What the framework asks is kill(2) with
    /// signal 0.
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
