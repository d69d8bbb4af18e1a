using System.Net.Sockets;
using System.Runtime.InteropServices;
using Dmm.Files;
using Dmm.Settings;

namespace Dmm.Daemon.Hosting;

/// <summary>
/// The Unix socket through which <c>dmm</c> reaches the daemon. Who may write to it rules the VMs, so it has its rights before anybody
/// listens on it: until then every connection is refused. It never takes the place of anything but a dead socket, and at the end only
/// itself is removed.
/// </summary>
public sealed class ControlSocket : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode FolderMode = OwnerOnly | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly string _path;
    private readonly FileFacts? _own;

    private ControlSocket(string path, Socket listener) => (_path, Listener, _own) = (path, listener, IdentityOf(path));

    /// <summary>Bound, with its rights, not listening yet.</summary>
    public Socket Listener { get; }

    /// <summary>Makes the socket's folder and takes away the socket that a dead daemon left there; nothing else.</summary>
    /// <exception cref="StartException">Somebody answers there, or something else stands there, or the path can't be used.</exception>
    public static void Clear(string path)
    {
        SocketPlace place;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, FolderMode);
            place = SocketPlace.Clear(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"dmm.socket {path} can't be made: {fault.Message}", fault);
        }

        if (place.State == SocketPlaceState.InUse)
            throw new StartException($"dmm.socket {path} {place.Why}; is it a daemon, stop it first, otherwise set another dmm.socket");
        if (!place.Usable)
        {
            throw new StartException(
                $"dmm.socket is {path}, which {place.Why}; it must be a path where nothing stands, or a socket that nobody answers")
            {
                ExitCode = ExitCodes.Usage,
            };
        }
    }

    /// <summary>Binds it and gives it its rights.</summary>
    /// <exception cref="StartException">It can't be bound, or can't be given its group.</exception>
    public static ControlSocket Bind(SocketSettings settings)
    {
        var group = settings.Group is { } name ? GroupOf(name) : (uint?)null;
        Clear(settings.Path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // The kernel refuses to bind where something stands, so that nothing is lost that came there meanwhile.
            socket.Bind(new Kept(new(settings.Path)));
        }
        catch (SocketException fault)
        {
            socket.Dispose();
            throw new StartException($"dmm.socket {settings.Path} can't be made: {fault.Message}", fault);
        }

        var control = new ControlSocket(settings.Path, socket);
        try
        {
            File.SetUnixFileMode(settings.Path, OwnerOnly);
            if (group is { } id && Chown(settings.Path, -1, id) != 0)
            {
                var why = Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
                throw new StartException(
                    $"dmm.socket-group is '{settings.Group}', which {settings.Path} can't be given: {why}; "
                    + "be a member of that group, or run dmmd as root")
                {
                    ExitCode = ExitCodes.Usage,
                };
            }

            File.SetUnixFileMode(settings.Path, settings.Mode);
            return control;
        }
        catch (Exception fault)
        {
            control.Dispose();
            throw fault is IOException or UnauthorizedAccessException
                ? new StartException($"dmm.socket {settings.Path} can't be given its rights: {fault.Message}", fault)
                : fault;
        }
    }

    /// <summary>The group's number.</summary>
    /// <exception cref="StartException">There is no such group.</exception>
    public static uint GroupOf(string name)
    {
        var buffer = new byte[64 << 10];
        var status = Getgrnam(name, out var entry, buffer, buffer.Length, out var found);
        if (status == 0 && found != 0)
            return entry.Id;
        throw new StartException(
            $"dmm.socket-group is '{name}'; there is no such group on this host (getent group lists those that there are)")
        {
            ExitCode = ExitCodes.Usage,
        };
    }

    public void Dispose()
    {
        Listener.Dispose();
        if (_own is not null && IdentityOf(_path) == _own)
            File.Delete(_path);
    }

    /// <summary>Which file it is, whatever its rights are by now.</summary>
    private static FileFacts? IdentityOf(string path) => FileFacts.At(path) is { } facts ? facts with { Mode = default } : null;

    [DllImport(
        "libc", EntryPoint = "lchown", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Chown(string path, int owner, uint group);

    [DllImport("libc", EntryPoint = "getgrnam_r", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Getgrnam(string name, out Entry entry, byte[] buffer, nint size, out nint found);

    /// <summary>struct group of grp.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Entry
    {
        public readonly nint Name;
        public readonly nint Password;
        public readonly uint Id;
        public readonly nint Members;
    }

    /// <summary>
    /// .NET deletes whatever stands at the path of a <see cref="UnixDomainSocketEndPoint"/> when its socket is closed, were it another's by
    /// then.
    /// </summary>
    private sealed class Kept(UnixDomainSocketEndPoint of) : System.Net.EndPoint
    {
        public override AddressFamily AddressFamily => of.AddressFamily;

        public override System.Net.SocketAddress Serialize() => of.Serialize();

        public override System.Net.EndPoint Create(System.Net.SocketAddress socketAddress) => of.Create(socketAddress);
    }
}
