using System.Runtime.InteropServices;

namespace Dmm.Hypervisors.Wire;

/// <summary>What kind of file stands at a path. The base library tells files from folders, but not a socket from a file.</summary>
internal static class FileKind
{
    // Linux, statx(2) and include/uapi/linux/stat.h; the layout is the same on all architectures.
    public const int TypeMask = 0xF000;
    public const int Socket = 0xC000;
    public const int Regular = 0x8000;
    public const int BlockDevice = 0x6000;
    private const int AtFdCwd = -100;
    private const uint StatxTypeAndMode = 3;
    private const int SizeOfStatx = 256;
    private const int OffsetOfMode = 28;

    /// <returns>Type and permission bits; null where nothing stands or it can't be seen.</returns>
    public static int? ModeOf(string path)
    {
        var buffer = new byte[SizeOfStatx];
        return Statx(AtFdCwd, path, 0, StatxTypeAndMode, buffer) == 0 ? BitConverter.ToUInt16(buffer, OffsetOfMode) : null;
    }

    [DllImport("libc", EntryPoint = "statx", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, string path, int flags, uint mask, byte[] buffer);
}
