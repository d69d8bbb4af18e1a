using System.Net.Sockets;
using System.Runtime.InteropServices;
using Dmm.Files;
using Dmm.Settings;

namespace Dmm.Daemon.Hosting;

/// <summary>
/// The Unix socket through which <c>dmm</c> reaches the daemon. Whoever may write to it controls the VMs. It therefore gets its rights
/// before it listens; until then every connection is refused. It replaces nothing but a dead socket, and at the end only this socket is
/// removed.
/// </summary>
public sealed class ControlSocket : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode FolderMode = OwnerOnly | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly string _path;
    private readonly FileFacts? _own;

    private ControlSocket(string path, Socket listener) => (_path, Listener, _own) = (path, listener, IdentityOf(path));

    /// <summary>The bound socket, with its rights, not listening yet.</summary>
    public Socket Listener { get; }

    /// <summary>Makes the socket's folder and removes a socket that a dead daemon left there. It removes nothing else.</summary>
    /// <exception cref="StartException">
    /// A process answers there, or something other than a socket is there, or the path can't be used.
    /// </exception>
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
            throw new StartException($"dmm.socket {path} {place.Why}; if it is a daemon, stop it first, otherwise set another dmm.socket");
        if (!place.Usable)
        {
            throw new StartException(
                $"dmm.socket is {path}, which {place.Why}; it must be a path where nothing is, or a socket that nobody answers")
            {
                ExitCode = ExitCodes.Usage,
            };
        }
    }

    /// <summary>Binds the socket and sets its rights.</summary>
    /// <exception cref="StartException">The socket can't be bound, or can't be given its group.</exception>
    public static ControlSocket Bind(SocketSection settings)
    {
        var group = settings.Group is { } name ? GroupOf(name) : (uint?)null;
        Clear(settings.Path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // bind(2) fails where something is at the path, so that a file that came there meanwhile is not lost.
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
                    $"dmm.socket-group is '{settings.Group}', but {settings.Path} can't be given to that group: {why}; "
                    + "make dmmd's user a member of the group, or run dmmd as root")
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
                ? new StartException($"dmm.socket {settings.Path} can't be given its permissions: {fault.Message}", fault)
                : fault;
        }
    }

    /// <summary>Returns the group's number.</summary>
    /// <exception cref="StartException">There is no such group.</exception>
    public static uint GroupOf(string name)
    {
        var buffer = new byte[64 << 10];
        var status = Getgrnam(name, out var entry, buffer, buffer.Length, out var found);
        if (status == 0 && found != 0)
            return entry.Id;
        throw new StartException(
            $"dmm.socket-group is '{name}'; there is no such group on this host (getent group lists all groups)")
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

    /// <summary>Identifies the file, without its mode, which changes.</summary>
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
    /// An endpoint whose file .NET does not delete. With a <see cref="UnixDomainSocketEndPoint"/>, .NET deletes the file at the path
    /// when the socket is closed, even if it is another program's by then.
    /// </summary>
    private sealed class Kept(UnixDomainSocketEndPoint of) : System.Net.EndPoint
    {
        public override AddressFamily AddressFamily => of.AddressFamily;

        public override System.Net.SocketAddress Serialize() => of.Serialize();

        public override System.Net.EndPoint Create(System.Net.SocketAddress socketAddress) => of.Create(socketAddress);
    }
}
