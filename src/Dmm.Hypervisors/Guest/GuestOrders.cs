using System.Net.Sockets;
using Dmm.Core;

namespace Dmm.Hypervisors.Guest;

/// <summary>
/// The lines that DMM sends to a guest's agent: it tells the agent its settings, and asks for a sample when sizes have moved, so that a
/// resize need not wait for the agent's next turn. It is bounded: at most one request in <see cref="Interval"/>, always one after the
/// last movement, and a guest that does not read blocks nothing. Agents before <see cref="HostLine.QuestionsSince"/> get no such
/// requests: they would answer with more than was asked for.
/// </summary>
public sealed class GuestOrders : IAsyncDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// The time from a movement to the request: a sample that comes at once may have been taken before the movement, which can't be seen
    /// from it (<see cref="Core.Vms.MechanismProfile.SampleLatency"/> is less).
    /// </summary>
    public static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(75);

    /// <summary>The shortest time before the settings are sent again to an agent that does not apply or does not report them.</summary>
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

    /// <param name="low">Base of the low threshold that the agent is to use; null leaves the agent its own.</param>
    public GuestOrders(MemorySize? low, TimeProvider time)
    {
        _low = low is { } told ? MemorySize.Max(told, HostLine.LeastLow) : null;
        _time = time;
        _timer = time.CreateTimer(_ => Due(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Begins with an open channel; the agent behind it has not spoken yet.</summary>
    /// <param name="write">Writes a line at once; returns false if that is not possible.</param>
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

    /// <summary>Asks for a sample, since sizes have moved: soon, and taken after the movement.</summary>
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

    /// <summary>Asks the agent to introduce itself again. An old agent does so at any line.</summary>
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

    /// <summary>Writes to a socket whose peer may not read: a line that can't be sent at once is dropped.</summary>
    public static bool TryWrite(Socket socket, ReadOnlyMemory<byte> line)
    {
        try
        {
            // A short line is written to a Unix socket completely or not at all.
            return socket.Poll(TimeSpan.Zero, SelectMode.SelectWrite) && socket.Send(line.Span, SocketFlags.None) == line.Length;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The reader of the socket notices that it is broken.
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

            // A movement while the request waited may be newer than the answer.
            _wanted = _time.GetElapsedTime(_moved) < Delay;
            if (_wanted)
                _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
    }
}
