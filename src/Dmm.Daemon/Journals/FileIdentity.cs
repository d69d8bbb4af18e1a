using Dmm.Files;

namespace Dmm.Daemon.Journals;

/// <summary>
/// The device and inode of the file at a path. It is read without opening the file, because closing any descriptor of a file releases
/// SQLite's locks on it (fcntl(2)).
/// </summary>
public readonly record struct FileIdentity(ulong Device, ulong Inode)
{
    /// <returns>Null where nothing is there or it can't be seen.</returns>
    public static FileIdentity? Of(string path) => FileFacts.Of(path) is { } facts ? new(facts.Device, facts.Inode) : null;
}
