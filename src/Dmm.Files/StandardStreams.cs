using System.Runtime.InteropServices;

namespace Dmm.Files;

/// <summary>
/// Standard input, output and error as the parent process gave them. Where one was closed, the next file that is opened gets its
/// number: one of the runtime's, or a journal. Text for "standard output" would then be written into that file.
/// </summary>
public static class StandardStreams
{
    // Linux, fcntl(2), open(2).
    private const int Output = 1;
    private const int Error = 2;
    private const int GetDescriptorFlags = 1;
    private const int CloseOnExec = 1;
    private const int ReadWriteCloseOnExec = 0x80002;

    /// <summary>
    /// True where standard output was given. False where its number is closed or belongs to a file that this process opened.
    /// </summary>
    public static bool HasOutput => WasGiven(Output);

    public static bool HasError => WasGiven(Error);

    /// <summary>
    /// Opens /dev/null for those that are closed, so that no file that is opened later gets their numbers. They still count as not
    /// given. This must be called first.
    /// </summary>
    public static void Fill()
    {
        // open(2) returns the lowest free number, so each call fills one; the first number above 2 shows that all are filled.
        int opened;
        while ((opened = Open("/dev/null", ReadWriteCloseOnExec)) is >= 0 and <= Error)
        {
        }

        if (opened > Error)
            _ = Close(opened);
    }

    /// <summary>
    /// True where the descriptor came from the parent. Such a descriptor survived an exec, so it can't have FD_CLOEXEC; the runtime
    /// sets that flag on all files that it opens.
    /// </summary>
    private static bool WasGiven(int descriptor) =>
        Fcntl(descriptor, GetDescriptorFlags) is >= 0 and var flags && (flags & CloseOnExec) == 0;

    [DllImport("libc", EntryPoint = "fcntl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fcntl(int descriptor, int command);

    [DllImport("libc", EntryPoint = "open", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open(string path, int flags);

    [DllImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int descriptor);
}
