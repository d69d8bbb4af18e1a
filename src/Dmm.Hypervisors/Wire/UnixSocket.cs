using System.Net.Sockets;
using System.Text;
using Dmm.Core.Ports;
using Dmm.Files;

namespace Dmm.Hypervisors.Wire;

/// <summary>Unix sockets: limits of their paths, and connecting with errors that an operator understands.</summary>
public static class UnixSocket
{
    /// <summary>The fault of a path as a socket's name, in one line; null where there is none.</summary>
    public static string? PathFault(string path)
    {
        if (!Path.IsPathRooted(path))
            return $"socket '{path}' is not an absolute path";
        var length = Encoding.UTF8.GetByteCount(path);
        return length > SocketPlace.MaxPathBytes
            ? $"socket path '{path}' has {length} bytes; Linux takes at most {SocketPlace.MaxPathBytes}: use a shorter folder or name"
            : null;
    }

    /// <summary>Whether a socket is at this path, rather than a file, a folder or nothing.</summary>
    public static bool IsSocket(string path) => FileFacts.Of(path) is { Kind: FileKind.Socket };

    /// <exception cref="SocketUnreachableException">Nobody listens there; the message says what was found.</exception>
    public static async Task<Socket> ConnectAsync(string path, CancellationToken cancellation)
    {
        if (PathFault(path) is { } fault)
            throw new SocketUnreachableException(fault, nobodyListens: true);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation).ConfigureAwait(false);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            var nobody = e.SocketErrorCode == SocketError.ConnectionRefused || !File.Exists(path);
            throw new SocketUnreachableException($"{path}: {Explain(path, e)}", nobody, e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string Explain(string path, SocketException e) => e.SocketErrorCode switch
    {
        _ when !File.Exists(path) => "there is no such socket",
        SocketError.ConnectionRefused => "nobody listens at this socket; its creator has ended",
        SocketError.AccessDenied => "this user may not connect to the socket",
        SocketError.WouldBlock or SocketError.TryAgain => "the socket's queue is full; its owner does not answer",
        SocketError.NotSocket or SocketError.ProtocolType => "this is not a stream socket",
        _ => e.Message,
    };
}

/// <summary>The exception for a Unix socket where no process could be reached.</summary>
public sealed class SocketUnreachableException(string message, bool nobodyListens, Exception? inner = null)
    : HypervisorException(message, inner!)
{
    /// <summary>Whether nobody listens there, as opposed to a process that does not answer or may not be reached.</summary>
    public bool NobodyListens => nobodyListens;
}
