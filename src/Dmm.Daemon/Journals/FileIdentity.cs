using Dmm.Files;

namespace Dmm.Daemon.Journals;

/// <summary>
/// Which file stands at a path: its device and inode. Told without opening it: closing any descriptor of a file would let go of SQLite's
/// locks on it (fcntl(2)).
/// </summary>
public readonly record struct FileIdentity(ulong Device, ulong Inode)
{
    /// <returns>Null where nothing stands or it can't be seen.</returns>
    public static FileIdentity? Of(string path) => FileFacts.Of(path) is { } facts ? new(facts.Device, facts.Inode) : null;
}
