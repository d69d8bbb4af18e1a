using System.Buffers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Qmp;

/// <summary>
/// One connection to a QMP server. Commands may be sent from any thread and several at once; answers are matched by id. Events are read
/// from <see cref="Events"/>, which never blocks the reading of the connection: those of one kind that come too often, and the oldest when
/// nobody reads them, are dropped and counted, since DMM treats every event as a hint and reads the state itself. What is read per second
/// is bounded. Once the connection has ended, every call throws with the reason; a new connection is a new object.
/// </summary>
public sealed class QmpClient : IAsyncDisposable
{
    /// <summary>Far more than QEMU answers to all that DMM asks.</summary>
    private const int MaxBytesPerSecond = 16 << 20;

    private const int MaxReadsPerSecond = 10_000;

    private readonly QmpOptions _options;
    private readonly TimeProvider _time;
    private readonly NetworkStream _stream;
    private readonly QmpReader _messages;
    private readonly Channel<QmpEvent> _events;
    private readonly EventPacer _pacer;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly TaskCompletionSource<QmpMessage.Greeting> _greeting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly Dictionary<long, Pending> _pending = [];
    private Task _reader = Task.CompletedTask;
    private string? _closedWhy;
    private long _lastId;
    private long _droppedEvents;

    private QmpClient(Socket socket, string path, QmpOptions options, TimeProvider time)
    {
        Path = path;
        PeerPid = PeerProcess.Of(socket);
        _options = options;
        _time = time;
        _stream = new NetworkStream(socket, ownsSocket: true);
        _messages = new QmpReader(_stream, options.MaxLineLength, new ReadPace(time, MaxReadsPerSecond, MaxBytesPerSecond));
        _events = Channel.CreateBounded<QmpEvent>(
            new BoundedChannelOptions(options.EventCapacity)
            {
                FullMode = BoundedChannelFullMode.DropOldest,
                SingleReader = true,
                SingleWriter = true,
            },
            _ => Interlocked.Increment(ref _droppedEvents));
        _pacer = new EventPacer(time, Tell, () => Interlocked.Increment(ref _droppedEvents));
    }

    public string Path { get; }

    /// <summary>The process that listens at the socket; null where the kernel does not know it (another pid namespace).</summary>
    public int? PeerPid { get; }

    public string Version { get; private set; } = "unknown";

    /// <summary>Ends when the connection has ended and all its events are read.</summary>
    public ChannelReader<QmpEvent> Events => _events.Reader;

    /// <summary>The number of events that were dropped because nobody read them in time.</summary>
    public long DroppedEvents => Interlocked.Read(ref _droppedEvents);

    /// <summary>Completes with the reason when the connection has ended; never fails.</summary>
    public Task<string> Closed => _closed.Task;

    /// <exception cref="QmpUnreachableException">Nothing listens there, or it is no QMP server.</exception>
    public static async Task<QmpClient> ConnectAsync(string path, QmpOptions options, TimeProvider time, CancellationToken cancellation)
    {
        var client = new QmpClient(await UnixSocket.ConnectAsync(path, cancellation).ConfigureAwait(false), path, options, time);
        try
        {
            client._reader = Task.Run(client.ReadAsync, CancellationToken.None);
            await client.NegotiateAsync(cancellation).ConfigureAwait(false);
            return client;
        }
        catch
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Carries out one command within the connection's deadline and returns what QEMU returned.</summary>
    /// <exception cref="QmpRefusedException">QEMU answered with an error.</exception>
    /// <exception cref="QmpTimeoutException">No answer within the deadline.</exception>
    /// <exception cref="QmpClosedException">The connection has ended.</exception>
    public async Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments, CancellationToken cancellation)
    {
        var id = Interlocked.Increment(ref _lastId);
        var answer = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_closedWhy is not null)
                throw new QmpClosedException(_closedWhy);
            if (_pending.Count >= _options.MaxInFlight)
                throw new HypervisorException($"{Path}: {_pending.Count} commands already wait for QEMU's answer; {command} was not sent");
            _pending.Add(id, new(command, answer));
        }

        using var late = new CancellationTokenSource(_options.Deadline, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        try
        {
            await WriteAsync(id, command, arguments, either.Token).ConfigureAwait(false);
            return await answer.Task.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new QmpTimeoutException($"{Path}: QEMU did not answer {command} within {_options.Deadline.TotalSeconds:0.#} s");
        }
        finally
        {
            lock (_gate)
                _pending.Remove(id);
        }
    }

    public async ValueTask DisposeAsync()
    {
        End($"{Path}: DMM closed the connection");
        await _stop.CancelAsync().ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
        await _reader.ConfigureAwait(false);
        await _messages.DisposeAsync().ConfigureAwait(false);
        await _pacer.DisposeAsync().ConfigureAwait(false);
    }

    private async Task NegotiateAsync(CancellationToken cancellation)
    {
        using var late = new CancellationTokenSource(_options.Deadline, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        try
        {
            Version = (await _greeting.Task.WaitAsync(either.Token).ConfigureAwait(false)).Version;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new QmpUnreachableException(
                $"{Path}: no QMP greeting within {_options.Deadline.TotalSeconds:0.#} s; either this is not a QMP socket, or another "
                + "client holds it (QEMU serves one at a time on each socket)",
                retry: true);
        }

        await ExecuteAsync("qmp_capabilities", null, cancellation).ConfigureAwait(false);
    }

    private async Task WriteAsync(long id, string command, JsonObject? arguments, CancellationToken cancellation)
    {
        var line = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("execute", command);
            if (arguments is not null)
            {
                json.WritePropertyName("arguments");
                arguments.WriteTo(json);
            }

            json.WriteNumber("id", id);
            json.WriteEndObject();
        }

        line.Write("\n"u8);
        await _writing.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            await _stream.WriteAsync(line.WrittenMemory, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // A command that was written only in part would corrupt the next one, so the connection is ended.
            End($"{Path}: {command} could not be written to QEMU");
            await _stop.CancelAsync().ConfigureAwait(false);
            if (e is OperationCanceledException)
                throw;
            throw new QmpClosedException(_closedWhy!);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task ReadAsync()
    {
        string why;
        try
        {
            do
            {
                var line = await _messages.ReadAsync(_stop.Token).ConfigureAwait(false);
                why = line.Kind switch
                {
                    WireLineKind.End when _greeting.Task.IsCompleted => "QEMU closed the connection",
                    WireLineKind.End => "closed without a QMP greeting: not a QMP socket",
                    WireLineKind.TooLong or WireLineKind.Skipped =>
                        $"sent a message longer than {_options.MaxLineLength} bytes: not a QMP server that DMM supports",
                    _ => Take(line.Text) ?? "",
                };
            }
            while (why.Length == 0);
        }
        catch (OperationCanceledException)
        {
            why = "DMM closed the connection";
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            why = $"the connection broke: {e.Message}";
        }
        catch (Exception e)
        {
            // If the reader ended without reporting it, nobody would know that the connection is dead.
            why = $"what QEMU sent could not be read: {ForeignText.CleanLines(e.Message, 200)}";
        }

        End($"{Path}: {why}");
    }

    /// <returns>The fault of this line, or null.</returns>
    private string? Take(byte[] line)
    {
        if (!_greeting.Task.IsCompleted || QmpMessage.EventNameOf(line) is not { } name)
            return Take(QmpMessage.Parse(line));
        _pacer.Offer(name, line);
        return null;
    }

    private void Tell(byte[] line)
    {
        if (QmpMessage.Parse(line) is QmpMessage.Happened e)
            _events.Writer.TryWrite(e.Value);
    }

    /// <returns>The fault of this message, or null.</returns>
    private string? Take(QmpMessage message)
    {
        switch (message)
        {
            case QmpMessage.Greeting greeting:
                return _greeting.TrySetResult(greeting) ? null : "QEMU greeted twice";
            case QmpMessage.Surprise surprise when !_greeting.Task.IsCompleted:
                return $"not a QMP socket: expected a QMP greeting, got {surprise.What}";
            case QmpMessage.Surprise surprise:
                return $"QEMU sent {surprise.What}";
            case not null when !_greeting.Task.IsCompleted:
                return "not a QMP socket: it sent a message before the QMP greeting";
            case QmpMessage.Happened e:
                _events.Writer.TryWrite(e.Value);
                return null;
            case QmpMessage.Failed { Id: null } error:
                return $"QEMU could not read a command: {error.Description}";
            case QmpMessage.Failed { Id: { } id } error:
                return Answer(id, p => p.Answer.TrySetException(new QmpRefusedException(p.Command, error.Class, error.Description)));
            case QmpMessage.Returned answer:
                return Answer(answer.Id, p => p.Answer.TrySetResult(answer.Value));
            default:
                return $"QEMU sent {message}";
        }
    }

    /// <summary>
    /// Completes the command that an answer belongs to. The answer to a command that was cancelled or too late is dropped; an answer to a
    /// command that was never sent ends the connection.
    /// </summary>
    private string? Answer(long id, Action<Pending> complete)
    {
        if (id < 1 || id > Interlocked.Read(ref _lastId))
            return $"QEMU answered command {id}, which DMM did not send";
        Pending? pending;
        lock (_gate)
            _pending.Remove(id, out pending);
        if (pending is not null)
            complete(pending);
        return null;
    }

    private void End(string why)
    {
        Pending[] waiting;
        lock (_gate)
        {
            if (_closedWhy is not null)
                return;
            _closedWhy = why;
            waiting = [.. _pending.Values];
            _pending.Clear();
        }

        foreach (var pending in waiting)
            Fail(pending.Answer, new QmpClosedException(why));
        Fail(_greeting, new QmpUnreachableException(why, retry: false));
        _pacer.Close();
        _events.Writer.TryComplete();
        _closed.TrySetResult(why);
    }

    /// <summary>Fails a task. The waiting caller may have given up by now: reading the exception marks it as observed.</summary>
    private static void Fail<T>(TaskCompletionSource<T> source, Exception exception)
    {
        if (source.TrySetException(exception))
            _ = source.Task.Exception;
    }

    private sealed record Pending(string Command, TaskCompletionSource<JsonElement> Answer);
}
