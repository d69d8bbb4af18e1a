using System.Net.Sockets;
using Dmm.Core;

namespace Dmm.Hypervisors.Guest;

/// <summary>
/// DMM's side of the talk with a guest's agent: tells it its settings, and asks for a sample when sizes have moved, so that a resize need
/// not wait for the agent's next turn. Bounded: at most one question in <see cref="Interval"/>, always one after the last movement, and a
/// guest that does not read holds nobody up. Agents before <see cref="HostLine.QuestionsSince"/> are asked nothing: they would answer with
/// more than was asked for.
/// </summary>
public sealed class GuestOrders : IAsyncDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// From a movement to the question: a sample that comes at once may have been taken before it, and nobody could tell
    /// (<see cref="Core.Vms.MechanismProfile.SampleLatency"/> is less).
    /// </summary>
    public static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(75);

    /// <summary>An agent that does not take its settings, or does not tell them, is told again no sooner than this.</summary>
    public static readonly TimeSpan SettingsInterval = TimeSpan.FromSeconds(5);

    private readonly MemorySize? _low;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private Func<ReadOnlyMemory<byte>, bool>? _write;
    private bool _knowsQuestions;
    private bool _wanted;
    private long _moved;
    private long? _asked;
    private long? _told;

    /// <param name="low">Base of the low threshold that the agent is to have; null leaves it its own.</param>
    public GuestOrders(MemorySize? low, TimeProvider time)
    {
        _low = low is { } told ? MemorySize.Max(told, HostLine.LeastLow) : null;
        _time = time;
        _timer = time.CreateTimer(_ => Due(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A channel is open; the agent behind it has not spoken yet.</summary>
    /// <param name="write">Writes a line at once, or says that it can't.</param>
    public void Open(Func<ReadOnlyMemory<byte>, bool> write)
    {
        lock (_gate)
            (_write, _knowsQuestions, _wanted, _told) = (write, false, false, null);
    }

    public void Close()
    {
        lock (_gate)
            (_write, _wanted) = (null, false);
    }

    public void Meet(GuestMessage.Hello hello)
    {
        lock (_gate)
        {
            _knowsQuestions = hello.Value.Protocol >= HostLine.QuestionsSince;
            if (_low is { } low && hello.LowMemory != low && !(_told is { } told && _time.GetElapsedTime(told) < SettingsInterval))
            {
                _told = _time.GetTimestamp();
                _write?.Invoke(HostLine.Settings(low));
            }
        }
    }

    /// <summary>Sizes have moved: a sample taken after that is wanted, soon.</summary>
    public void AskSample()
    {
        lock (_gate)
        {
            if (_write is null || !_knowsQuestions)
                return;
            _moved = _time.GetTimestamp();
            if (_wanted)
                return;
            _wanted = true;
            var sinceLast = _asked is { } asked ? _time.GetElapsedTime(asked) : Interval;
            _timer.Change(sinceLast + Delay < Interval ? Interval - sinceLast : Delay, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Asks the agent to introduce itself again. An old one does so at any line.</summary>
    public void AskHello()
    {
        lock (_gate)
            _write?.Invoke(HostLine.AskHello);
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return _timer.DisposeAsync();
    }

    /// <summary>Writes to a socket whose peer may not read: what does not go out at once does not go out.</summary>
    public static bool TryWrite(Socket socket, ReadOnlyMemory<byte> line)
    {
        try
        {
            // A short line goes into a Unix socket whole or not at all.
            return socket.Poll(TimeSpan.Zero, SelectMode.SelectWrite) && socket.Send(line.Span, SocketFlags.None) == line.Length;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Whoever reads the socket finds that it is broken.
            return false;
        }
    }

    private void Due()
    {
        lock (_gate)
        {
            if (!_wanted)
                return;
            _asked = _time.GetTimestamp();
            _write?.Invoke(HostLine.AskSample);

            // What moved while the question waited may be newer than the answer.
            _wanted = _time.GetElapsedTime(_moved) < Delay;
            if (_wanted)
                _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
    }
}
