using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dmm.Core;
using Dmm.Hypervisors.Wire;

namespace Dmm.Testbed;

/// <summary>
/// The host's end of a guest's load channel: it sends orders and gets reports. Orders to a guest that has not booted yet wait in its
/// channel. QEMU serves one client at a time.
/// </summary>
public sealed class LoadClient : IAsyncDisposable
{
    /// <summary>The virtio-serial port's name in the guest.</summary>
    public const string Port = "org.dmm.load.0";

    private const int MaxLine = 4096;
    private const int KeptReports = 4096;
    private static readonly TimeSpan ConnectDeadline = TimeSpan.FromSeconds(20);

    private readonly string _name;
    private readonly NetworkStream _stream;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Queue<LoadReport> _reports = new();
    private readonly Task _reading;
    private LoadReport? _last;
    private string? _fault;
    private int _deaths;

    private LoadClient(string name, Socket socket)
    {
        _name = name;
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reading = Task.Run(ReadAsync);
    }

    public LoadReport? Last
    {
        get
        {
            lock (_gate)
                return _last;
        }
    }

    /// <summary>The number of times that the load itself was ended, for example by the guest's OOM killer.</summary>
    public int Deaths => Volatile.Read(ref _deaths);

    /// <param name="name">The VM, for messages.</param>
    /// <param name="socket">The channel's Unix socket; it need not exist yet.</param>
    /// <exception cref="TestbedException">Nobody listens on the socket in time.</exception>
    public static async Task<LoadClient> ConnectAsync(string name, string socket, CancellationToken cancellation)
    {
        var why = "";
        return await Wait.ForAsync(
            $"{name}: its load channel {socket} is there",
            async () =>
            {
                try
                {
                    return new LoadClient(name, await UnixSocket.ConnectAsync(socket, cancellation));
                }
                catch (SocketUnreachableException e)
                {
                    why = e.Message;
                    return null;
                }
            },
            ConnectDeadline,
            cancellation,
            () => why);
    }

    /// <summary>Touches memory until the load holds this much, or frees what is above.</summary>
    /// <param name="perSecond">Null: as fast as it can.</param>
    public Task HoldAsync(MemorySize size, MemorySize? perSecond, CancellationToken cancellation) =>
        OrderAsync(new() { ["do"] = "hold", ["kib"] = size.Bytes >> 10, ["kibPerSecond"] = (perSecond?.Bytes ?? 0) >> 10 }, cancellation);

    public Task FreeAsync(CancellationToken cancellation) => OrderAsync(new() { ["do"] = "free" }, cancellation);

    /// <summary>Works on the memory that the load holds; its operations per second show how well the guest runs.</summary>
    /// <param name="operationsPerSecond">The total of all threads; 0: as fast as they can.</param>
    public Task WorkAsync(int threads, CancellationToken cancellation, long operationsPerSecond = 0) =>
        OrderAsync(new() { ["do"] = "work", ["threads"] = threads, ["operationsPerSecond"] = operationsPerSecond }, cancellation);

    public Task RestAsync(CancellationToken cancellation) => OrderAsync(new() { ["do"] = "rest" }, cancellation);

    /// <summary>Asks for a report now, in addition to those that come each second, or four times a second under load.</summary>
    public Task ReportAsync(CancellationToken cancellation) => OrderAsync(new() { ["do"] = "report" }, cancellation);

    /// <summary>The reports after this one, oldest first; the last 4,096 are kept.</summary>
    public IReadOnlyList<LoadReport> After(long seq)
    {
        lock (_gate)
            return [.. _reports.Where(r => r.Seq > seq)];
    }

    /// <summary>Waits for a report that meets the condition.</summary>
    /// <exception cref="TestbedException">No such report came in time, or the guest said that an order was wrong.</exception>
    public Task<LoadReport> WaitForAsync(string what, Func<LoadReport, bool> @is, TimeSpan deadline, CancellationToken cancellation) =>
        Wait.ForAsync(
        $"{_name}: {what}",
        () =>
        {
            lock (_gate)
            {
                if (_fault is not null)
                    throw new TestbedException($"{_name}: {_fault}");
            }

            return Task.FromResult(Last is { } last && @is(last) ? last : null);
        },
        deadline,
        cancellation,
        () => Last is { } last
            ? $"the load holds {last.Held} of {MemorySize.FromKiB(last.WantKib)}, the guest has {last.MemTotal}, {last.OomKills} OOM kills"
            : "the guest has not reported anything",
        TimeSpan.FromMilliseconds(20));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _stream.DisposeAsync();
        await _reading;
        _stop.Dispose();
    }

    private async Task OrderAsync(JsonObject order, CancellationToken cancellation)
    {
        try
        {
            await _stream.WriteAsync(Encoding.UTF8.GetBytes(order.ToJsonString() + "\n"), cancellation);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw new TestbedException($"{_name}: its load channel is closed: {e.Message}", e);
        }
    }

    private async Task ReadAsync()
    {
        await using var lines = new LineReader(_stream, MaxLine);
        try
        {
            while (await lines.ReadAsync(_stop.Token) is { Kind: not WireLineKind.End } line)
            {
                if (line.Kind == WireLineKind.Line)
                    Take(line.Text);
            }

            Fault("the guest's load channel was closed");
        }
        catch (OperationCanceledException)
        {
            Fault("the load channel was closed by the client");
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Fault($"the load channel broke: {e.Message}");
        }
    }

    private void Take(byte[] line)
    {
        try
        {
            var message = JsonNode.Parse(line);
            switch ((string?)message?["t"])
            {
                case "load" when message.Deserialize<LoadReport>(JsonSerializerOptions.Web) is { } report:
                    Keep(report);
                    break;
                case "died":
                    Interlocked.Increment(ref _deaths);
                    break;
                case "error":
                    Fault($"the load generator refused an order: {ForeignText.Clean((string?)message["text"] ?? "", 200)}");
                    break;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // A boot in the middle of a write can leave a torn line, which is harmless: the next report has the same data.
            if (Last is not null)
                Fault($"the load generator sent an invalid line: {ForeignText.Clean(line, 80)}");
        }
    }

    private void Keep(LoadReport report)
    {
        lock (_gate)
        {
            if (_reports.Count == KeptReports)
                _reports.Dequeue();
            _reports.Enqueue(report);
            _last = report;
        }
    }

    private void Fault(string what)
    {
        lock (_gate)
            _fault ??= what;
    }
}
