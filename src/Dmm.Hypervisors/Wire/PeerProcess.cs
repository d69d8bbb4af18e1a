using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Dmm.Hypervisors.Wire;

/// <summary>The process that listens at the other end of a Unix socket, as the kernel knows it.</summary>
public static class PeerProcess
{
    // Source: Linux, include/uapi/asm-generic/socket.h; struct ucred { pid, uid, gid }.
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    /// <returns>Null where the kernel does not say, as for a process in another pid namespace.</returns>
    public static int? Of(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12];
        try
        {
            socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials);
        }
        catch (SocketException)
        {
            return null;
        }

        var pid = MemoryMarshal.Read<int>(credentials);
        return pid > 0 ? pid : null;
    }
}
