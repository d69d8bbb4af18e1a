using System.Runtime.InteropServices;

namespace Dmm.Files;

/// <summary>
/// Who owns a file, and what others than this process's user may do with it. Source: stat(2), path_resolution(7), acl(5).
/// </summary>
/// <param name="Mode">Permission bits.</param>
public readonly record struct FileOwner(uint User, uint Group, UnixFileMode Mode)
{
    // Linux, statx(2); the layout is the same on all architectures.
    private const int AtFdCwd = -100;
    private const int AtSymlinkNoFollow = 0x100;
    private const uint StatxModeUserAndGroup = 0x1A;
    private const int OffsetOfUser = 20;
    private const int OffsetOfGroup = 24;
    private const int OffsetOfMode = 28;

    /// <summary>The user of this process.</summary>
    public static uint Self => Geteuid();

    /// <summary>Of the file that the path finally leads to.</summary>
    /// <returns>Null where nothing is there or it can't be seen.</returns>
    public static FileOwner? Of(string path) => Of(path, 0);

    /// <summary>Of the path itself, even where it is a symbolic link.</summary>
    /// <inheritdoc cref="Of(string)"/>
    public static FileOwner? At(string path) => Of(path, AtSymlinkNoFollow);

    /// <summary>Gives a file or folder, not what a symbolic link leads to, to a user and group.</summary>
    /// <exception cref="UnauthorizedAccessException">The system refused.</exception>
    public static void Give(string path, uint user, uint group)
    {
        if (Lchown(path, user, group) != 0)
            throw new UnauthorizedAccessException(
                $"{path} can't be given to user {user}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    /// <summary>
    /// Which part of the path keeps a user from it, in words; null where nothing does. Judged by permission bits; where those refuse and
    /// a part of the path has an access control list, nothing is said, since that list may allow it.
    /// </summary>
    /// <param name="access">Read, write and execute (for a folder: search), as for its owner.</param>
    public static string? Obstacle(string path, uint user, IReadOnlyCollection<uint> groups, UnixFileMode access)
    {
        if (user == 0)
            return null;
        for (var folder = Path.GetDirectoryName(path); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (!May(folder, UnixFileMode.UserExecute))
                return $"it may not pass through {folder} ({Shown(folder)})";
        }

        return May(path, access) ? null : $"it may not {Named(access)} {path} ({Shown(path)})";

        bool May(string part, UnixFileMode wanted)
        {
            if (Of(part) is not { } found || HasList(part))
                return true;
            // The bits of the owner, the group or others: the first that fits decides.
            var shift = found.User == user ? 0 : groups.Contains(found.Group) ? 3 : 6;
            return (((int)found.Mode << shift) & (int)wanted) == (int)wanted;
        }
    }

    private static string Named(UnixFileMode access) => access switch
    {
        UnixFileMode.UserRead => "read",
        UnixFileMode.UserRead | UnixFileMode.UserWrite => "read and write",
        UnixFileMode.UserExecute => "pass through",
        _ => "make files in",
    };

    private static string Shown(string path) =>
        Of(path) is { } found ? $"user {found.User}, group {found.Group}, mode {Convert.ToString((int)found.Mode, 8)}" : "";

    private static bool HasList(string path) => Getxattr(path, "system.posix_acl_access", 0, 0) > 0;

    private static FileOwner? Of(string path, int flags)
    {
        var buffer = new byte[256];
        if (path.Contains('\0', StringComparison.Ordinal) || Statx(AtFdCwd, path, flags, StatxModeUserAndGroup, buffer) != 0)
            return null;
        return new(
            BitConverter.ToUInt32(buffer, OffsetOfUser), BitConverter.ToUInt32(buffer, OffsetOfGroup),
            (UnixFileMode)(BitConverter.ToUInt16(buffer, OffsetOfMode) & 0xFFF));
    }

    [DllImport("libc", EntryPoint = "statx", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, string path, int flags, uint mask, byte[] buffer);

    [DllImport("libc", EntryPoint = "lchown", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false,
        ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Lchown(string path, uint user, uint group);

    [DllImport("libc", EntryPoint = "getxattr", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Getxattr(string path, string name, nint value, nint size);

    [DllImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint Geteuid();
}
