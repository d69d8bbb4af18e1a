using System.Runtime.InteropServices;

namespace Dmm.Daemon.Journals;

/// <summary>Which file stands at a path: its device and inode. Told without opening it: closing any descriptor of a file would let go of SQLite's locks on it (fcntl(2)).</summary>
public readonly record struct FileIdentity(ulong Device, ulong Inode)
{
    // Linux, statx(2) and include/uapi/linux/stat.h; the layout is the same on all architectures.
    private const int AtFdCwd = -100;
    private const uint StatxInode = 0x100;
    private const int SizeOfStatx = 256;
    private const int OffsetOfInode = 32;
    private const int OffsetOfDeviceMajor = 136;

    /// <returns>Null where nothing stands or it can't be seen.</returns>
    public static FileIdentity? Of(string path)
    {
        var buffer = new byte[SizeOfStatx];
        return Statx(AtFdCwd, path, 0, StatxInode, buffer) == 0
            ? new(BitConverter.ToUInt64(buffer, OffsetOfDeviceMajor), BitConverter.ToUInt64(buffer, OffsetOfInode))
            : null;
    }

    [DllImport("libc", EntryPoint = "statx", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, string path, int flags, uint mask, byte[] buffer);
}
