using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Files;

namespace Dmm.Commands.Daemon;

/// <summary>
/// A client of dmmd's HTTP interface over its Unix socket. Every failure is a <see cref="CommandException"/>: the daemon was not
/// reached, the request was invalid, or the daemon refused it.
/// </summary>
public sealed class DaemonClient : IDisposable
{
    /// <summary>More than any answer needs: 10,000 VMs are about 20 MiB.</summary>
    private const long MaxAnswerBytes = 256L << 20;

    private static readonly TimeSpan ReadDeadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ChangeDeadline = TimeSpan.FromMinutes(2);

    private readonly string _socket;
    private readonly HttpClient _http;

    /// <param name="socket">The absolute path of the socket.</param>
    public DaemonClient(string socket)
    {
        if (Encoding.UTF8.GetByteCount(socket) > SocketPlace.MaxPathBytes)
            throw CommandException.Usage(
                $"the socket {Echo.Of(socket)} has a path of more than {SocketPlace.MaxPathBytes} bytes, which no Unix socket can have");
        _socket = socket;
        _http = SocketHttp.Client(socket, "http://dmmd/", mostBytes: MaxAnswerBytes, refused: NotReached);
    }

    public void Dispose() => _http.Dispose();

    public Task<T> GetAsync<T>(string path, CancellationToken cancellation) =>
        AskAsync<T>(HttpMethod.Get, path, null, ReadDeadline, cancellation);

    public Task<DoneView> PostAsync(string path, object? body, CancellationToken cancellation, TimeSpan? deadline = null) =>
        AskAsync<DoneView>(HttpMethod.Post, path, body, deadline ?? ChangeDeadline, cancellation);

    public Task<T> PostAsync<T>(string path, object? body, CancellationToken cancellation) =>
        AskAsync<T>(HttpMethod.Post, path, body, ChangeDeadline, cancellation);

    /// <summary>Asks what would happen. Nothing is changed.</summary>
    public Task<T> DryRunAsync<T>(string path, object body, CancellationToken cancellation) =>
        AskAsync<T>(HttpMethod.Post, path, body, ChangeDeadline, cancellation);

    public Task<DoneView> PatchAsync(string path, object body, CancellationToken cancellation) =>
        AskAsync<DoneView>(HttpMethod.Patch, path, body, ChangeDeadline, cancellation);

    /// <summary>Returns the VM, or null where there is none of that name.</summary>
    public async Task<VmView?> FindVmAsync(string name, CancellationToken cancellation)
    {
        try
        {
            return await GetAsync<VmView>($"api/v1/vms/{name}", cancellation);
        }
        catch (CommandException e) when (e.Kind == "notFound")
        {
            return null;
        }
    }

    /// <summary>Opens an answer that streams. The caller reads and disposes it.</summary>
    public async Task<HttpResponseMessage> OpenStreamAsync(string path, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(ReadDeadline);
        var response = await GuardAsync(
            () => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token), request, ReadDeadline, cancellation);
        if (response.IsSuccessStatusCode)
            return response;
        using (response)
            throw await GuardAsync(() => RefusalAsync(request, response, deadline.Token), request, ReadDeadline, cancellation);
    }

    /// <summary>The error for people when a stream breaks.</summary>
    public CommandException WentAway() => CommandException.Unreachable($"dmmd at {_socket} went away");

    private async Task<T> AskAsync<T>(HttpMethod method, string path, object? body, TimeSpan within, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = JsonContent.Create(body, ContractJson.Options.GetTypeInfo(body.GetType()));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(within);
        return await GuardAsync(
            async () =>
            {
                using var response = await _http.SendAsync(request, deadline.Token);
                if (!response.IsSuccessStatusCode)
                    throw await RefusalAsync(request, response, deadline.Token);
                if (!IsJson(response))
                {
                    throw CommandException.Unreachable(
                        $"something answers at {_socket}, but it is not dmmd: its answer to {Route(request)} is not JSON");
                }

                return await response.Content.ReadFromJsonAsync(ContractJson.Of<T>(), deadline.Token)
                    ?? throw new JsonException("the answer is null");
            },
            request,
            within,
            cancellation);
    }

    private async Task<T> GuardAsync<T>(Func<Task<T>> ask, HttpRequestMessage request, TimeSpan within, CancellationToken cancellation)
    {
        try
        {
            return await ask();
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw CommandException.Unreachable($"dmmd at {_socket} did not answer within {within.TotalSeconds:0} s");
        }
        catch (HttpRequestException e)
        {
            // The connect callback throws a CommandException of its own; otherwise HTTP itself failed.
            throw e.InnerException as CommandException
                ?? CommandException.Unreachable(e.HttpRequestError == HttpRequestError.InvalidResponse
                    ? $"something answers at {_socket}, but it is not dmmd: it does not speak HTTP"
                    : $"dmmd at {_socket} went away before it answered");
        }
        catch (JsonException e)
        {
            throw CommandException.Failed(
                $"dmmd at {_socket} answers {Route(request)} in a way that this dmm does not understand; "
                + $"are both of one release? ({JsonFaults.InPlainWords(e)})");
        }
    }

    private static async Task<CommandException> RefusalAsync(
        HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellation)
    {
        var view = await ErrorAsync(response, cancellation);
        if (response.StatusCode == HttpStatusCode.BadRequest || view?.Kind == "invalid")
            return CommandException.Usage(view?.Error ?? $"dmmd does not understand {Route(request)}");
        return view is null
            ? CommandException.Failed($"dmmd answered {(int)response.StatusCode} {response.ReasonPhrase} to {Route(request)}")
            : CommandException.Failed(view.Error, view.Kind);
    }

    private static async Task<ErrorView?> ErrorAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (!IsJson(response))
            return null;
        try
        {
            var view = await response.Content.ReadFromJsonAsync(ContractJson.Of<ErrorView>(), cancellation);
            return string.IsNullOrEmpty(view?.Error) ? null : view;
        }
        catch (JsonException)
        {
            // The status says enough.
            return null;
        }
    }

    private static bool IsJson(HttpResponseMessage response) => response.Content.Headers.ContentType?.MediaType == "application/json";

    private CommandException NotReached(SocketException e) => CommandException.Unreachable(e.SocketErrorCode switch
    {
        SocketError.AccessDenied =>
        $"{_socket} may not be used by this user; its permissions say who may (dmm.socket-mode, dmm.socket-group)",
        // The kernel refuses a connection to anything that is not a socket in the same way.
        SocketError.ConnectionRefused when FileFacts.Of(_socket) is { Kind: not FileKind.Socket } other =>
        $"{_socket} is {other.Name}, not the socket of dmmd; --socket or DMM_SOCKET name another",
        SocketError.ConnectionRefused => $"nobody listens at {_socket}; is dmmd running?",
        _ when !File.Exists(_socket) => $"there is no socket {_socket}; is dmmd running? --socket or DMM_SOCKET name another",
        _ => $"{_socket} can't be reached: {e.Message}",
    });

    private static string Route(HttpRequestMessage request) =>
        $"{request.Method} {(request.RequestUri is { IsAbsoluteUri: true } uri ? uri.AbsolutePath : $"/{request.RequestUri}")}";
}
