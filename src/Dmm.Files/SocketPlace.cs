using System.Net.Sockets;

namespace Dmm.Files;

public enum SocketPlaceState
{
    /// <summary>Nothing is there.</summary>
    Free,

    /// <summary>A socket that no process answers or has bound: the process that made it has ended.</summary>
    Dead,

    /// <summary>A socket that a process answers, has bound, or may have bound.</summary>
    InUse,

    /// <summary>Something other than a socket.</summary>
    Occupied,
}

/// <summary>
/// The state of a path at which a Unix socket is to be made. Only a dead socket may be replaced: neither a file, folder, pipe, device
/// or link that a person put there, nor a socket that another process answers, or has bound and does not answer yet.
/// </summary>
/// <param name="Why">The finding for people, to be put after the path; empty where the path is free.</param>
public sealed record SocketPlace(SocketPlaceState State, string Why)
{
    /// <summary>The longest path of a socket on Linux, in bytes: <c>sun_path</c> holds 108 with its ending zero (unix(7)).</summary>
    public const int MaxPathBytes = 107;

    private const string Bound = "/proc/net/unix";

    /// <summary>True where a socket can be made there, after a dead one is removed.</summary>
    public bool Usable => State is SocketPlaceState.Free or SocketPlaceState.Dead;

    /// <summary>
    /// Examines the path, and changes nothing. It never waits: a socket that does not accept a connection at once counts as in use.
    /// </summary>
    public static SocketPlace Judge(string path)
    {
        if (FileFacts.At(path) is not { } facts)
            return new(SocketPlaceState.Free, "");
        if (facts.Kind != FileKind.Socket)
            return new(SocketPlaceState.Occupied, $"is {facts.Name}");
        return Call(path) is { } inUse ? new(SocketPlaceState.InUse, inUse)
            : IsHeld(path, facts) ? new(SocketPlaceState.InUse, "is in use: a process has bound it")
            : new(SocketPlaceState.Dead, "is a socket that nobody answers");
    }

    /// <summary>Removes a dead socket; leaves everything else alone.</summary>
    /// <returns>The state before that.</returns>
    public static SocketPlace Clear(string path)
    {
        var before = FileFacts.At(path);
        var place = Judge(path);

        // Remove only the file that was examined, not one that came there meanwhile.
        if (place.State == SocketPlaceState.Dead && FileFacts.At(path) == before)
            File.Delete(path);
        return place;
    }

    /// <returns>The reason why it is in use; null where no process listens.</returns>
    private static string? Call(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return "is in use: somebody answers there";
        }
        catch (SocketException fault)
        {
            return fault.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => null,
                SocketError.AccessDenied => "is a socket of somebody else, which this user may not use",
                SocketError.WouldBlock or SocketError.TryAgain => "is in use: somebody listens there and does not answer",
                SocketError.ProtocolType or SocketError.OperationNotSupported => "is in use: a socket of another kind is bound there",
                _ => $"is a socket in an unknown state ({fault.Message})",
            };
        }
        catch (ArgumentException)
        {
            return "is too long for a socket's path";
        }
    }

    /// <summary>
    /// True where a process of this network namespace has bound the socket, listening or not. The kernel lists the path that was used
    /// for the bind. That may be another path to the same file, which is compared by its identity, or a relative path from an unknown
    /// folder, which counts as this one.
    /// </summary>
    private static bool IsHeld(string path, FileFacts facts)
    {
        var name = Path.GetFileName(path);
        foreach (var line in File.ReadLines(Bound))
        {
            // Num RefCount Protocol Flags Type St Inode Path
            var fields = line.Split(' ', 8, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 8 || fields[7].StartsWith('@') || Path.GetFileName(fields[7]) != name)
                continue;
            if (!fields[7].StartsWith('/') || fields[7] == path || (FileFacts.At(fields[7]) is { } other && other == facts))
                return true;
        }

        return false;
    }
}
