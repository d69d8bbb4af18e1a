using System.Runtime.InteropServices;

namespace Dmm.Files;

/// <summary>
/// Standard input, output and error as whoever started this program gave them. Where one was closed, its number is given to the next file
/// that is opened: the runtime's own, or a journal. What is then written to "standard output" would go there.
/// </summary>
public static class StandardStreams
{
    // Linux, fcntl(2), open(2).
    private const int Output = 1;
    private const int Error = 2;
    private const int GetDescriptorFlags = 1;
    private const int CloseOnExec = 1;
    private const int ReadWriteCloseOnExec = 0x80002;

    /// <summary>Standard output was given, and is not a file of this process's own under its number.</summary>
    public static bool HasOutput => WasGiven(Output);

    public static bool HasError => WasGiven(Error);

    /// <summary>
    /// To be called first: puts /dev/null in the place of those that are closed, so that no file that is opened later gets their numbers.
    /// They still count as not given.
    /// </summary>
    public static void Fill()
    {
        // The lowest free number is given: each call fills one, and the first above them shows that none is left.
        int opened;
        while ((opened = Open("/dev/null", ReadWriteCloseOnExec)) is >= 0 and <= Error)
        {
        }

        if (opened > Error)
            _ = Close(opened);
    }

    /// <summary>What came through an exec can't be marked to be closed by one; the runtime marks all that it opens.</summary>
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
