using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using Dmm.Core.Ports;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// The hierarchy of control groups of version 2, and its files. Source: Linux, Documentation/admin-guide/cgroup-v2.rst; cgroups(7);
/// proc_pid_mountinfo(5).
/// </summary>
internal static class GroupTree
{
    public const string Usual = "sys/fs/cgroup";

    /// <summary>Looked up once: a host does not move its hierarchy while it runs, and the list of mounts can be long.</summary>
    private static readonly ConcurrentDictionary<string, string> Mounts = [];

    private const string Controllers = "cgroup.controllers";
    private const string Subtree = "cgroup.subtree_control";

    /// <summary>
    /// The folder where the hierarchy is mounted: <c>/sys/fs/cgroup</c>, or <c>/sys/fs/cgroup/unified</c> where version 1 is in use
    /// beside it.
    /// </summary>
    /// <param name="root">The folder that holds <c>/proc</c> and <c>/sys</c>; other than <c>/</c> in tests.</param>
    public static string Mount(string root) => Mounts.GetOrAdd(root, FindMount);

    private static string FindMount(string root)
    {
        foreach (var line in ProcFiles.Lines(Path.Combine(root, "proc/self/mountinfo")))
        {
            // ID PARENT MAJOR:MINOR ROOT MOUNT OPTIONS … - TYPE …: only a mount of the whole hierarchy shows the groups by their paths.
            var words = line.Split(' ');
            if (words is [_, _, _, "/", var mount, ..] && Array.IndexOf(words, "-") is var dash and > 0 && words.Length > dash + 1
                && words[dash + 1] == "cgroup2")
                return Path.Combine(root, mount.TrimStart('/'));
        }

        return Path.Combine(root, Usual);
    }

    /// <summary>The process's group: its path below the hierarchy's root; null where it is not in sight.</summary>
    /// <param name="process"><c>self</c> or a pid.</param>
    public static string? PathOf(string process, string root)
    {
        var line = Array.Find(
            ProcFiles.Lines(Path.Combine(root, "proc", process, "cgroup")), l => l.StartsWith("0::/", StringComparison.Ordinal));
        return line is null || line.Split('/').Contains("..") ? null : line["0::".Length..].TrimEnd();
    }

    public static bool IsGroup(string folder) => File.Exists(Path.Combine(folder, Controllers));

    /// <summary>Whether the memory controller can be used in this group.</summary>
    public static bool HasMemory(string folder) => Names(folder, Controllers).Contains("memory");

    /// <summary>Whether the groups below this one have the memory controller.</summary>
    public static bool GivesMemory(string folder) => Names(folder, Subtree).Contains("memory");

    /// <summary>Gives the memory controller to the groups below this one.</summary>
    /// <exception cref="HypervisorException">The kernel refused.</exception>
    public static void GiveMemory(string folder)
    {
        if (!GivesMemory(folder))
            Write(Path.Combine(folder, Subtree), "+memory");
    }

    /// <summary>Whether no process is in this group. Processes that have ended and are not yet waited for don't count.</summary>
    public static bool IsEmpty(string folder) => ProcFiles.Lines(Path.Combine(folder, "cgroup.procs")).Length == 0;

    /// <summary>
    /// Writes a value to a group's file in one call. Lowering <c>memory.high</c> does not wait for the reclaim where the kernel supports
    /// that (a file opened with O_NONBLOCK, Linux 6.17).
    /// </summary>
    /// <exception cref="HypervisorException">The file could not be opened or written; the message has the system's reason.</exception>
    public static void Write(string file, string value)
    {
        const int WriteOnly = 1;
        const int Truncate = 0x200;
        const int NonBlocking = 0x800;
        const int CloseOnExec = 0x80000;
        var fd = Open(file, WriteOnly | Truncate | NonBlocking | CloseOnExec);
        if (fd < 0)
            throw Fault(Marshal.GetLastPInvokeError());
        try
        {
            var bytes = Encoding.ASCII.GetBytes(value + "\n");
            if (WriteAll(fd, bytes, bytes.Length) != bytes.Length)
                throw Fault(Marshal.GetLastPInvokeError());
        }
        finally
        {
            _ = Close(fd);
        }

        HypervisorException Fault(int error) =>
            new($"{file}: '{value}' could not be written: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    /// <summary>Removes a group if no process is in it. The files in a group's folder are the kernel's, and go with it.</summary>
    /// <returns>Whether it is gone.</returns>
    public static bool Remove(string folder) => !Directory.Exists(folder) || (IsEmpty(folder) && RemoveFolder(folder) == 0);

    private static string[] Names(string folder, string file) =>
        ProcFiles.Lines(Path.Combine(folder, file)) is [var line, ..] ? line.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [];

    [DllImport("libc", EntryPoint = "open", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false,
        ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open(string path, int flags);

    [DllImport("libc", EntryPoint = "rmdir", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int RemoveFolder(string path);

    [DllImport("libc", EntryPoint = "write", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint WriteAll(int fd, byte[] bytes, nint count);

    [DllImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int fd);
}
