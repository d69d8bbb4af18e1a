using System.Net.Sockets;
using System.Text;

namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>The host side of an agent's channel, as QEMU holds it, with an agent that sends what a test tells it to.</summary>
internal sealed class FakeAgent : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Task<Socket> _channel;

    public FakeAgent(string path)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _channel = _listener.AcceptAsync();
    }

    public async Task SayAsync(string line) => await (await _channel.InTime()).SendAsync(Encoding.UTF8.GetBytes(line + "\n")).InTime();

    /// <summary>Returns what has been written to the agent.</summary>
    public async Task<string> HearAsync()
    {
        var buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, await (await _channel.InTime()).ReceiveAsync(buffer).InTime());
    }

    public void Dispose()
    {
        _listener.Dispose();
        if (_channel.IsCompletedSuccessfully)
            _channel.Result.Dispose();
    }
}
