using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>A QMP server on a Unix socket whose behaviour, right or wrong, a test defines; the behaviour gets each connection.</summary>
internal sealed class FakeQmpServer : IAsyncDisposable
{
    public const string Greeting =
        """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "fake"}, "capabilities": ["oob"]}}""";

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Func<Connection, Task> _behave;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _connections;

    public FakeQmpServer(string path, Func<Connection, Task> behave)
    {
        Path = path;
        _behave = behave;
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    public string Path { get; }

    public int Connections => Volatile.Read(ref _connections);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        File.Delete(Path);
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var served = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                served.Add(ServeAsync(socket));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(served);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var connection = new Connection(socket, _stop.Token);
        try
        {
            await _behave(connection);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // The client has disconnected, or the test is over.
            return;
        }
    }

    internal sealed class Connection : IDisposable
    {
        private readonly NetworkStream _stream;
        private readonly StreamReader _reader;
        private readonly CancellationToken _stop;

        public Connection(Socket socket, CancellationToken stop)
        {
            _stream = new NetworkStream(socket, ownsSocket: true);
            _reader = new StreamReader(_stream, Encoding.UTF8);
            _stop = stop;
        }

        public async Task GreetAsync()
        {
            await SendAsync(Greeting);
            var capabilities = await ReadAsync();
            Assert.Equal("qmp_capabilities", capabilities.Name);
            await ReturnAsync(capabilities.Id);
        }

        public Task SendAsync(string line) => SendRawAsync(line + "\n");

        public async Task SendRawAsync(string text) => await _stream.WriteAsync(Encoding.UTF8.GetBytes(text), _stop);

        public Task ReturnAsync(long id, string value = "{}") => SendAsync($$"""{"return": {{value}}, "id": {{id}}}""");

        public Task RefuseAsync(long id, string kind, string words) =>
            SendAsync($$$"""{"id": {{{id}}}, "error": {"class": "{{{kind}}}", "desc": "{{{words}}}"}}""");

        public Task TellAsync(string name, string data = "{}") =>
            SendAsync($$"""{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "{{name}}", "data": {{data}}}""");

        /// <summary>Reads the next command.</summary>
        public async Task<Command> ReadAsync()
        {
            var line = await _reader.ReadLineAsync(_stop) ?? throw new EndOfStreamException();
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement.Clone();
            return new(
                root.GetProperty("execute").GetString()!, root.GetProperty("id").GetInt64(),
                root.TryGetProperty("arguments", out var arguments) ? arguments : default);
        }

        /// <summary>Sends nothing until the client disconnects or the test ends.</summary>
        public Task BeSilentAsync() => _reader.ReadToEndAsync(_stop);

        public void Dispose() => _reader.Dispose();
    }

    internal sealed record Command(string Name, long Id, JsonElement Arguments);
}
