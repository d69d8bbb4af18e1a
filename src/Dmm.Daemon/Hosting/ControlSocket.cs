using System.Diagnostics;
using System.Net.Sockets;
using Dmm.Settings;

namespace Dmm.Daemon.Hosting;

/// <summary>The Unix socket through which <c>dmm</c> reaches the daemon: who may write to it rules the VMs, so its rights are set before it is used.</summary>
public static class ControlSocket
{
    /// <summary>Makes the socket's folder and takes away what a dead daemon left there.</summary>
    /// <exception cref="StartException">Somebody answers there, or the path can't be used.</exception>
    public static void Clear(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            if (!File.Exists(path))
                return;
            if (Answers(path))
                throw new StartException($"dmm.socket {path} is in use: a daemon answers there; stop it first, or set another dmm.socket");
            File.Delete(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"dmm.socket {path} can't be made: {fault.Message}", fault);
        }
    }

    /// <exception cref="StartException">The group does not exist or may not be given.</exception>
    public static void Guard(SocketSettings settings)
    {
        File.SetUnixFileMode(settings.Path, settings.Mode);
        if (settings.Group is not { } group)
            return;
        // The base library can't change a file's group.
        using var chgrp = Process.Start(new ProcessStartInfo("chgrp", [group, settings.Path]) { RedirectStandardError = true })
            ?? throw new StartException("chgrp can't be started, so dmm.socket-group can't be set; leave it empty");
        var said = chgrp.StandardError.ReadToEnd();
        if (!chgrp.WaitForExit(TimeSpan.FromSeconds(5)) || chgrp.ExitCode != 0)
            throw new StartException($"dmm.socket-group is '{group}', which {settings.Path} can't be given: {said.Trim()}");
    }

    private static bool Answers(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
