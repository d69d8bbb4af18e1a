using System.Globalization;
using System.Net.Sockets;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Guest;

/// <summary>
/// Listens to a guest's agent through the host side of its channel, a Unix socket. It reconnects whenever the channel breaks: the guest,
/// its agent and the hypervisor each restart on their own. The time and memory that a guest's lines can cost are bounded: long lines are
/// skipped; no more is read than <see cref="MaxLinesPerSecond"/>, <see cref="MaxBytesPerSecond"/> and <see cref="MaxReadsPerSecond"/>, also
/// where the channel breaks again and again: beyond that, the guest's own writes block. Samples go through <see cref="SampleBounds"/> and a
/// <see cref="SamplePacer"/>, hellos through a <see cref="HelloPacer"/>. Nothing that a guest writes ends the listening.
/// </summary>
public sealed class GuestChannel : IAsyncDisposable
{
    public const int MaxLinesPerSecond = 200;

    /// <summary>An agent of DMM's writes about 10 KiB per second under pressure.</summary>
    public const int MaxBytesPerSecond = 256 << 10;

    /// <summary>A guest that writes byte by byte makes a read of each.</summary>
    public const int MaxReadsPerSecond = 400;

    private const int MaxWhy = 200;

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(2);

    private readonly string _socket;
    private readonly MemorySize _limit;
    private readonly TimeSpan _silence;
    private readonly TimeProvider _time;
    private readonly Action<VmObservation> _observe;
    private readonly Action<string> _log;
    private readonly ReadPace _lines;
    private readonly ReadPace _reads;
    private readonly SampleBounds _bounds;
    private readonly SamplePacer _pacer;
    private readonly HelloPacer _hellos;
    private readonly GuestOrders _orders;
    private readonly ITimer _silenceTimer;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private bool _speaking;
    private long _refused;
    private long? _boundAt;
    private bool _faultTold;
    private Task _reader = Task.CompletedTask;

    /// <param name="limit">The most memory that this VM can have; larger sizes are cut to it.</param>
    /// <param name="silence">An agent that sends nothing for this long is reported as silent.</param>
    /// <param name="observe">Gets hellos, samples and silences, one at a time.</param>
    /// <param name="low">Base of the low threshold that the agent is told to use; null leaves the agent its own.</param>
    public GuestChannel(
        string socket, MemorySize limit, TimeSpan silence, TimeProvider time, Action<VmObservation> observe, Action<string> log,
        MemorySize? low = null)
    {
        _socket = socket;
        _limit = limit;
        _silence = silence;
        _time = time;
        _observe = observe;
        _log = log;
        _lines = new ReadPace(time, MaxLinesPerSecond, gather: TimeSpan.FromSeconds(1));
        _reads = new ReadPace(time, MaxReadsPerSecond, MaxBytesPerSecond);
        _bounds = new SampleBounds(limit);
        _hellos = new HelloPacer(time, hello => Speak(new VmObservation.Hello(hello)));
        _pacer = new SamplePacer(time, sample => Speak(new VmObservation.Sample(sample)));
        _orders = new GuestOrders(low, time);
        _silenceTimer = time.CreateTimer(
            _ => FallSilent(string.Create(CultureInfo.InvariantCulture, $"no line for {silence.TotalSeconds:0.#} s")), null,
            Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether the agent is connected and speaks.</summary>
    public bool IsSpeaking => Volatile.Read(ref _speaking);

    /// <summary>The number of lines that did not follow the protocol.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>
    /// Asks for a sample now rather than at the agent's next turn, because sizes have moved. Returns at once; requests are rate-limited.
    /// </summary>
    public void AskSample() => _orders.AskSample();

    /// <summary>Asks the agent to introduce itself again.</summary>
    public void AskHello() => _orders.AskHello();

    public void Start() => _reader = Task.Run(ListenAsync);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _reader.ConfigureAwait(false);
        await _orders.DisposeAsync().ConfigureAwait(false);
        await _silenceTimer.DisposeAsync().ConfigureAwait(false);
        await _pacer.DisposeAsync().ConfigureAwait(false);
        await _hellos.DisposeAsync().ConfigureAwait(false);
    }

    private async Task ListenAsync()
    {
        var (wait, tries) = (new GrowingWait(FirstRetry, LongestRetry), 0);
        try
        {
            while (true)
            {
                try
                {
                    using var socket = await UnixSocket.ConnectAsync(_socket, _stop.Token).ConfigureAwait(false);
                    _orders.Open(line => GuestOrders.TryWrite(socket, line));
                    if (await ReadAsync(socket).ConfigureAwait(false) > 0)
                        tries = 0;
                    _orders.Close();
                    _pacer.Flush();
                    FallSilent("the agent's channel was closed");
                }
                catch (Exception e) when (e is not OperationCanceledException || !_stop.IsCancellationRequested)
                {
                    // Whatever failed, the guest may be heard again. A channel that stopped listening would not be noticed until its VM
                    // is missed.
                    _orders.Close();
                    if (e is not (SocketUnreachableException or IOException or SocketException) && !_faultTold)
                    {
                        _faultTold = true;
                        _log($"{_socket}: listening failed, and is restarted; further faults of this kind are not logged: {e}");
                    }

                    FallSilent(ForeignText.CleanLines(e.Message, MaxWhy));
                }

                await Task.Delay(wait.After(tries++), _time, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return;
        }
    }

    /// <returns>The number of lines that came before the channel was closed.</returns>
    private async Task<long> ReadAsync(Socket socket)
    {
        var stream = new NetworkStream(socket, ownsSocket: false);
        await using var disposeStream = stream.ConfigureAwait(false);
        var lines = new LineReader(stream, GuestLine.MaxLength, _reads);
        await using var disposeLines = lines.ConfigureAwait(false);
        long count = 0;
        while (await lines.ReadAsync(_stop.Token).ConfigureAwait(false) is { Kind: not WireLineKind.End } line)
        {
            Take(line);
            count++;
            await _lines.TakeAsync(0, _stop.Token).ConfigureAwait(false);
        }

        return count;
    }

    private void Take(WireLine line)
    {
        if (line.Kind == WireLineKind.Skipped)
            return;
        var message = line.Kind == WireLineKind.TooLong
            ? new GuestMessage.Refused(string.Create(CultureInfo.InvariantCulture, $"a line longer than {GuestLine.MaxLength} bytes"))
            : GuestLine.Read(line.Text, Clocks.MomentOf(_time), _limit);
        switch (message)
        {
            case GuestMessage.Hello hello:
                Heard();
                _orders.Meet(hello);
                _hellos.Offer(hello.Value);
                break;
            case GuestMessage.Sample sample:
                Heard();
                var elapsed = _boundAt is { } last ? _time.GetElapsedTime(last) : TimeSpan.Zero;
                _boundAt = _time.GetTimestamp();
                _pacer.Offer(_bounds.Bound(sample.Value, elapsed));
                break;
            case GuestMessage.Refused refused when Interlocked.Increment(ref _refused) is 1:
                _log($"{_socket}: the guest sent {refused.Why}; further such lines are counted, not logged");
                break;
            default:
                break;
        }
    }

    /// <summary>Notes that the agent spoke. Invalid lines do not count as speech: a guest that sends garbage is silent.</summary>
    private void Heard()
    {
        lock (_gate)
        {
            _speaking = true;
            _silenceTimer.Change(_silence, Timeout.InfiniteTimeSpan);
        }
    }

    private void Speak(VmObservation observation)
    {
        lock (_gate)
            _observe(observation);
    }

    /// <summary>Reports silence, once, and only after the agent has spoken.</summary>
    private void FallSilent(string why)
    {
        lock (_gate)
        {
            if (!_speaking)
                return;
            _speaking = false;
            _silenceTimer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _observe(new VmObservation.AgentSilent(why));
        }
    }
}
