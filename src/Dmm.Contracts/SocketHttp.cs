using System.Net.Sockets;

namespace Dmm.Contracts;

/// <summary>HTTP over a Unix socket, as dmmd speaks it.</summary>
public static class SocketHttp
{
    /// <param name="socket">The socket's path.</param>
    /// <param name="address">The base of all routes; its host name has no meaning.</param>
    /// <param name="timeout">For a whole answer; null: none, the caller has one of its own.</param>
    /// <param name="mostBytes">The most bytes that an answer may have; null: no limit.</param>
    /// <param name="refused">Makes the exception that replaces a socket's error.</param>
    public static HttpClient Client(
        string socket, string address, TimeSpan? timeout = null, long? mostBytes = null, Func<SocketException, Exception>? refused = null)
    {
        var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) => await ConnectAsync(socket, refused, cancellation),
            ConnectTimeout = TimeSpan.FromSeconds(5),
            UseProxy = false,
            AllowAutoRedirect = false,
        })
        {
            BaseAddress = new(address),
            Timeout = timeout ?? Timeout.InfiniteTimeSpan,
        };
        if (mostBytes is { } most)
            client.MaxResponseContentBufferSize = most;
        return client;
    }

    private static async ValueTask<Stream> ConnectAsync(
        string path, Func<SocketException, Exception>? refused, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException e) when (refused is not null)
        {
            socket.Dispose();
            throw refused(e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
