namespace Dmm.Settings;

/// <param name="Path">The daemon's Unix socket, absolute.</param>
/// <param name="Mode">Its permissions: whoever may write to it controls the VMs.</param>
/// <param name="Group">The name of its group; null: the daemon's own.</param>
public sealed record SocketSection(string Path, UnixFileMode Mode, string? Group)
{
    private const int LongestGroup = 32;

    internal static SocketSection Read(SettingsReader reader)
    {
        var group = reader.Text("dmm.socket-group", LongestGroup, $"a group's name of at most {LongestGroup} characters, or empty");
        return new(
            reader.SocketPath("dmm.socket", "/run/dmm/dmm.sock"),
            reader.FileMode("dmm.socket-mode"),
            group.Length > 0 ? group : null);
    }
}
