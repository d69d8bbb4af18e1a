using System.Runtime.InteropServices;

namespace Dmm.Files;

public enum FileKind
{
    /// <summary>A kind without a name of its own here.</summary>
    Other,
    Regular,
    Folder,
    Pipe,
    Socket,
    CharacterDevice,
    BlockDevice,
    SymbolicLink,
}

/// <summary>
/// Describes the file at a path without opening it: opening a pipe waits for its other end, and opening some devices has an effect.
/// .NET's base library tells files from folders, but not a socket or a pipe from a file.
/// </summary>
/// <param name="Device">Together with the inode, this identifies the file.</param>
/// <param name="Mode">Permission bits.</param>
public readonly record struct FileFacts(FileKind Kind, ulong Device, ulong Inode, UnixFileMode Mode)
{
    // Linux, statx(2) and include/uapi/linux/stat.h; the layout is the same on all architectures.
    private const int AtFdCwd = -100;
    private const int AtSymlinkNoFollow = 0x100;
    private const uint StatxTypeModeAndInode = 0x103;
    private const int SizeOfStatx = 256;
    private const int OffsetOfMode = 28;
    private const int OffsetOfInode = 32;
    private const int OffsetOfDeviceMajor = 136;
    private const int TypeMask = 0xF000;
    private const int PermissionMask = 0xFFF;

    /// <summary>The kind's name for people, with its article.</summary>
    public string Name => Kind switch
    {
        FileKind.Regular => "a regular file",
        FileKind.Folder => "a folder",
        FileKind.Pipe => "a named pipe",
        FileKind.Socket => "a socket",
        FileKind.CharacterDevice or FileKind.BlockDevice => "a device",
        FileKind.SymbolicLink => "a symbolic link",
        _ => "a file of an unknown kind",
    };

    /// <summary>Describes the file that the path finally leads to, through symbolic links.</summary>
    /// <returns>Null where nothing is there or it can't be seen.</returns>
    public static FileFacts? Of(string path) => Of(path, 0);

    /// <summary>Describes the path itself: a symbolic link is a link, wherever it leads.</summary>
    /// <inheritdoc cref="Of(string)"/>
    public static FileFacts? At(string path) => Of(path, AtSymlinkNoFollow);

    private static FileFacts? Of(string path, int flags)
    {
        var buffer = new byte[SizeOfStatx];
        if (path.Contains('\0', StringComparison.Ordinal) || Statx(AtFdCwd, path, flags, StatxTypeModeAndInode, buffer) != 0)
            return null;
        var mode = BitConverter.ToUInt16(buffer, OffsetOfMode);
        return new(
            KindOf(mode & TypeMask),
            BitConverter.ToUInt64(buffer, OffsetOfDeviceMajor),
            BitConverter.ToUInt64(buffer, OffsetOfInode),
            (UnixFileMode)(mode & PermissionMask));
    }

    private static FileKind KindOf(int type) => type switch
    {
        0x8000 => FileKind.Regular,
        0x4000 => FileKind.Folder,
        0x1000 => FileKind.Pipe,
        0xC000 => FileKind.Socket,
        0x2000 => FileKind.CharacterDevice,
        0x6000 => FileKind.BlockDevice,
        0xA000 => FileKind.SymbolicLink,
        _ => FileKind.Other,
    };

    [DllImport("libc", EntryPoint = "statx", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, string path, int flags, uint mask, byte[] buffer);
}
