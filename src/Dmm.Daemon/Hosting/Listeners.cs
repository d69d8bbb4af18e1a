using System.Net;
using System.Net.Sockets;
using Dmm.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Dmm.Daemon.Hosting;

/// <summary>
/// The sockets that the daemon listens on: its Unix socket and, where <c>dmm.http.port</c> is set, one TCP port of the loopback. They
/// are bound before the web server starts, so that a failure is reported in one line.
/// </summary>
public sealed class Listeners : IDisposable
{
    private readonly ControlSocket _control;
    private readonly Socket? _http;

    private Listeners(ControlSocket control, Socket? http) => (_control, _http) = (control, http);

    /// <exception cref="StartException">One of them can't be bound.</exception>
    public static Listeners Bind(DmmSettings settings)
    {
        var http = settings.Http.Port > 0 ? BindHttp(settings.Http) : null;
        try
        {
            return new(ControlSocket.Bind(settings.Socket), http);
        }
        catch
        {
            http?.Dispose();
            throw;
        }
    }

    public void Configure(KestrelServerOptions kestrel, DmmSettings settings)
    {
        kestrel.ListenUnixSocket(settings.Socket.Path);
        if (_http is not null)
            kestrel.Listen(settings.Http.Address, settings.Http.Port);
    }

    /// <summary>Gives the web server the sockets that are bound already. It listens on nothing else.</summary>
    public void Configure(SocketTransportOptions transport) => transport.CreateBoundListenSocket = endPoint => endPoint switch
    {
        UnixDomainSocketEndPoint => _control.Listener,
        IPEndPoint when _http is not null => _http,
        _ => throw new InvalidOperationException($"nothing is to listen on {endPoint}"),
    };

    public void Dispose()
    {
        _http?.Dispose();
        _control.Dispose();
    }

    private static Socket BindHttp(HttpSection settings)
    {
        var place = new IPEndPoint(settings.Address, settings.Port);
        try
        {
            return SocketTransportOptions.CreateDefaultBoundListenSocket(place);
        }
        catch (SocketException fault)
        {
            throw new StartException($"dmm.http.port {settings.Port} of {settings.Address} can't be listened on: {fault.Message}", fault);
        }
    }
}
