using System.Net.Sockets;

namespace Dmm.Files;

public enum SocketPlaceState
{
    /// <summary>Nothing stands there.</summary>
    Free,

    /// <summary>A socket that nobody answers and nobody holds: whoever made it has ended.</summary>
    Dead,

    /// <summary>A socket that somebody answers, holds, or may hold.</summary>
    InUse,

    /// <summary>Something else than a socket.</summary>
    Occupied,
}

/// <summary>
/// What stands where a Unix socket is to be made. Only a dead socket may ever be replaced: not a file, folder, pipe, device or link that a
/// person put there, and not a socket that another process answers or has bound and does not answer yet.
/// </summary>
/// <param name="Why">What was found, for people, to be put after the path; empty where the place is free.</param>
public sealed record SocketPlace(SocketPlaceState State, string Why)
{
    /// <summary>Bytes of a socket's path that Linux takes: <c>sun_path</c> holds 108 with its ending zero (unix(7)).</summary>
    public const int MaxPathBytes = 107;

    private const string Bound = "/proc/net/unix";

    /// <summary>May a socket be made there, once what is dead is removed?</summary>
    public bool Usable => State is SocketPlaceState.Free or SocketPlaceState.Dead;

    /// <summary>Looks, and changes nothing. Never waits: who does not take a connection at once is in use.</summary>
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

    /// <summary>Removes a dead socket; leaves everything else as it is.</summary>
    /// <returns>What stood there.</returns>
    public static SocketPlace Clear(string path)
    {
        var before = FileFacts.At(path);
        var place = Judge(path);

        // What was judged is removed, not what somebody put there meanwhile.
        if (place.State == SocketPlaceState.Dead && FileFacts.At(path) == before)
            File.Delete(path);
        return place;
    }

    /// <returns>Why it is in use; null where nobody listens.</returns>
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
                _ => $"is a socket of which nothing is known ({fault.Message})",
            };
        }
        catch (ArgumentException)
        {
            return "is too long for a socket's path";
        }
    }

    /// <summary>
    /// Bound by a process of this network namespace, listening or not. The kernel tells the path that it was bound by, which may be another
    /// path to the same file, or one that counts from an unknown folder: then it may be this one.
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
