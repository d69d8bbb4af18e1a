using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Dmm.Files;

namespace Dmm.Daemon.Tests;

/// <summary>The things that may be at the path of a setting.</summary>
public enum Thing
{
    Nothing,
    Regular,
    Empty,
    Folder,
    Pipe,
    LinkToFile,
    DanglingLink,
    LinkToSocket,
    Device,
    DeadSocket,
    LiveSocket,

    /// <summary>A socket that is bound, but on which nobody listens yet.</summary>
    HeldSocket,

    /// <summary>A socket of a kind that takes no connections.</summary>
    DatagramSocket,
}

/// <summary>Puts one of these things at a path in a folder of its own.</summary>
internal sealed class Standing : IDisposable
{
    private readonly Socket? _holder;
    private readonly string _folder = Directory.CreateTempSubdirectory("dmm-at-").FullName;

    public Standing(Thing thing, string name = "it")
    {
        Path = System.IO.Path.Combine(_folder, name);
        switch (thing)
        {
            case Thing.Regular:
                File.WriteAllText(Path, "keep me\n");
                break;
            case Thing.Empty:
                File.WriteAllText(Path, "");
                break;
            case Thing.Folder:
                Directory.CreateDirectory(Path);
                break;
            case Thing.Pipe:
                Make("mkfifo", Path);
                break;
            case Thing.LinkToFile:
                File.WriteAllText(Other, "keep me\n");
                File.CreateSymbolicLink(Path, Other);
                break;
            case Thing.DanglingLink:
                File.CreateSymbolicLink(Path, Other);
                break;
            case Thing.LinkToSocket:
                Bind(Other, SocketType.Stream).Dispose();
                File.CreateSymbolicLink(Path, Other);
                break;
            case Thing.Device:
                Make("mknod", Path, "c", "1", "3");
                break;
            case Thing.DeadSocket:
                Bind(Path, SocketType.Stream).Dispose();
                break;
            case Thing.LiveSocket:
                _holder = Bind(Path, SocketType.Stream);
                _holder.Listen();
                break;
            case Thing.HeldSocket:
                _holder = Bind(Path, SocketType.Stream);
                break;
            case Thing.DatagramSocket:
                _holder = Bind(Path, SocketType.Dgram);
                break;
        }

        Before = Picture();
    }

    public string Path { get; }

    /// <summary>The content of the folder: kind, identity and content of each file.</summary>
    public string Before { get; }

    private string Other => Path + "-other";

    public static bool MayMakeDevices => Environment.UserName == "root";

    /// <param name="without">Names that may have been added since.</param>
    public string Picture(params string[] without) =>
        string.Join('\n', Directory.GetFileSystemEntries(_folder).Order(StringComparer.Ordinal)
        .Where(path => !without.Contains(System.IO.Path.GetFileName(path)))
        .Select(path => (path, FileFacts.At(path)!.Value))
        .Select(entry => $"{entry.path} {entry.Value} {Content(entry.path, entry.Value.Kind)}"));

    public void Dispose()
    {
        _holder?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Content(string path, FileKind kind) => kind switch
    {
        FileKind.Regular => Convert.ToHexString(File.ReadAllBytes(path)),
        FileKind.SymbolicLink => new FileInfo(path).LinkTarget ?? "",
        _ => "",
    };

    private static Socket Bind(string path, SocketType type)
    {
        var socket = new Socket(AddressFamily.Unix, type, ProtocolType.Unspecified);
        socket.Bind(new Kept(new(path)));
        return socket;
    }

    private static void Make(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>
    /// An endpoint whose file stays. .NET deletes the file of a <see cref="UnixDomainSocketEndPoint"/> when it closes the socket; a
    /// process that is killed does not.
    /// </summary>
    private sealed class Kept(UnixDomainSocketEndPoint of) : EndPoint
    {
        public override AddressFamily AddressFamily => of.AddressFamily;

        public override SocketAddress Serialize() => of.Serialize();

        public override EndPoint Create(SocketAddress socketAddress) => of.Create(socketAddress);
    }
}
