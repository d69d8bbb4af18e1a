using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Files;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// The folder of a VM that DMM launched: its sockets, its pid file, and the list of sockets that it made elsewhere. Only files that DMM
/// and QEMU put there are ever deleted, name by name, so that a wrong path can't delete other files.
/// </summary>
public sealed record VmFolder(string Path)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public string Control => In("qmp.sock");

    public string OperatorControl => In("operator-qmp.sock");

    public string Agent => In("agent.sock");

    public string Console => In("console.sock");

    public string PidFile => In("qemu.pid");

    private string ChannelList => In("channels");

    private string[] Own => [Control, OperatorControl, Agent, Console, ChannelList, PidFile];

    public static VmFolder Of(QemuSettings settings, VmId id) => new(System.IO.Path.Combine(settings.VmsDirectory, id.Name));

    /// <summary>The folder of a VM that is connected again, which may have been launched under another state folder.</summary>
    public static VmFolder? Of(VmHandle handle) =>
        handle.Owned && System.IO.Path.GetDirectoryName(handle.Control) is { Length: > 0 } path ? new(path) : null;

    /// <summary>
    /// Creates the folder, readable by its owner alone even if it existed before, and notes the sockets that QEMU will make elsewhere.
    /// </summary>
    /// <param name="owner">The user as whom QEMU will make its sockets there; null: this daemon's.</param>
    public void Create(IEnumerable<VmChannel> channels, Account? owner = null)
    {
        // Others may pass through the folder of all VMs, not look into it.
        var vms = System.IO.Path.GetDirectoryName(Path)!;
        Directory.CreateDirectory(vms);
        if (owner is not null && (File.GetUnixFileMode(vms) & UnixFileMode.OtherExecute) == 0)
            File.SetUnixFileMode(vms, File.GetUnixFileMode(vms) | UnixFileMode.OtherExecute);
        Directory.CreateDirectory(Path, OwnerOnly);
        TakeBack();
        File.SetUnixFileMode(Path, OwnerOnly);
        File.Delete(ChannelList);
        File.WriteAllLines(ChannelList, channels.Select(c => c.Socket));
        if (owner is not null)
            FileOwner.Give(Path, owner.User, owner.Group);
    }

    /// <summary>The user as whom the folder's QEMU was launched; null where there is no folder.</summary>
    public uint? Owner => FileOwner.At(Path)?.User;

    /// <summary>
    /// Makes the folder the daemon's own again: what is done in it is then safe from whoever broke out of a VM and runs as its user.
    /// </summary>
    private void TakeBack()
    {
        if (FileOwner.At(Path) is { } found && found.User != FileOwner.Self && FileOwner.Self == 0)
            FileOwner.Give(Path, 0, 0);
    }

    /// <summary>Reads the pid that QEMU wrote, or null.</summary>
    public int? ReadPid()
    {
        try
        {
            return int.TryParse(RegularFile.ReadText(PidFile), out var pid) && pid > 0 ? pid : null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// For a VM that no longer runs: whether QEMU deleted its pid file itself, as it does when it ends cleanly. The list of channels
    /// shows that DMM has not cleared the folder: when DMM clears it, the list goes before the pid file.
    /// </summary>
    public bool EndedInOrder => File.Exists(ChannelList) && !File.Exists(PidFile);

    /// <summary>Removes what a VM that no longer runs has left behind; does nothing where nothing is left.</summary>
    public void Remove()
    {
        if (!Directory.Exists(Path))
            return;
        TakeBack();
        // A socket elsewhere may belong to another process by now: it is removed only if nobody answers there. A list that the daemon did
        // not write names nothing of the VM's.
        var list = FileOwner.At(ChannelList)?.User == FileOwner.Self ? RegularFile.ReadText(ChannelList) : "";
        foreach (var socket in list.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            SocketPlace.Clear(socket);
        foreach (var file in Own)
            File.Delete(file);
        if (!Directory.EnumerateFileSystemEntries(Path).Any())
            Directory.Delete(Path);
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
