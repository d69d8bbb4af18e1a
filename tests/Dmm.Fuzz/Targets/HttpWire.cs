using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Dmm.Fuzz.Targets;

/// <summary>An answer as it came.</summary>
/// <param name="Closes">Nothing more comes through this connection.</param>
internal sealed record HttpAnswer(int Status, string Headers, byte[] Body, bool IsHead, bool Closes)
{
    public bool IsJson => !IsHead && Headers.Contains("\nContent-Type: application/json", StringComparison.OrdinalIgnoreCase);

    public override string ToString() => $"{Status} '{Encoding.UTF8.GetString(Body[..Math.Min(Body.Length, 400)])}'";
}

/// <summary>
/// One connection to the daemon's socket, byte by byte: HttpClient neither sends what is no HTTP nor tells what is wrong with an answer.
/// </summary>
internal sealed partial class HttpWire : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    /// <summary>A request that is not whole is waited for by the daemon: after this time, it counts as such.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(30);

    private readonly Socket _socket;
    private readonly byte[] _chunk = new byte[16 << 10];
    private byte[] _read = [];
    private bool _ended;

    private HttpWire(Socket socket) => _socket = socket;

    public static HttpWire Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        return new(socket);
    }

    /// <summary>Whether these bytes are exactly one request that is answered at once.</summary>
    public static bool IsWhole(byte[] input)
    {
        var end = input.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0 || input.AsSpan(0, end).ContainsAnyExceptInRange((byte)'\n', (byte)'~'))
            return false;
        var match = Head().Match(Encoding.ASCII.GetString(input, 0, end + 2));
        return match.Success
            && int.TryParse(match.Groups["length"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            && length == input.Length - end - 4 && !match.Groups["path"].ValueSpan.Contains("stream", StringComparison.OrdinalIgnoreCase);
    }

    public static bool IsHead(byte[] input)
    {
        for (var at = 0; input.AsSpan(at).IndexOf("HEAD "u8) is >= 0 and var next; at += next + 1)
        {
            // Another method may end with the same letters.
            if (at + next == 0 || !IsOfToken(input[at + next - 1]))
                return true;
        }

        return false;
    }

    /// <summary>Sends as much as the daemon takes: it closes the connection when it has seen enough.</summary>
    public async Task SendAsync(byte[] bytes)
    {
        using var late = new CancellationTokenSource(Patience);
        try
        {
            for (var sent = 0; sent < bytes.Length;)
                sent += await _socket.SendAsync(bytes.AsMemory(sent), late.Token);
        }
        catch (SocketException)
        {
            return;
        }
    }

    /// <summary>Reads an answer that must come.</summary>
    public async Task<(HttpAnswer? Answer, string? Fault)> ReadAsync(bool head)
    {
        using var late = new CancellationTokenSource(Patience);
        try
        {
            return await ReadAsync(head, late.Token);
        }
        catch (OperationCanceledException)
        {
            return (null, $"was not answered within {Patience.TotalSeconds:0} s");
        }
    }

    /// <summary>Reads the next answer; none where the daemon waits for more or has closed the connection.</summary>
    public async Task<(HttpAnswer? Answer, string? Fault)> ReadSoonAsync(bool head)
    {
        using var late = new CancellationTokenSource(Soon);
        try
        {
            return await ReadAsync(head, late.Token);
        }
        catch (OperationCanceledException)
        {
            return (null, null);
        }
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Whether a method's name may contain this byte (RFC 9110, 5.6.2).</summary>
    private static bool IsOfToken(byte value) => char.IsAsciiLetterOrDigit((char)value) || "!#$%&'*+-.^_`|~"u8.Contains(value);

    private async Task<(HttpAnswer? Answer, string? Fault)> ReadAsync(bool head, CancellationToken cancellation)
    {
        while (true)
        {
            if (_read.Length == 0 && _ended)
                return (null, null);
            var end = _read.AsSpan().IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                var headers = Encoding.Latin1.GetString(_read, 0, end + 2);
                if (!StatusLine().IsMatch(headers))
                    return (null, $"was answered what is no HTTP: '{headers}'");
                if (IsStream(headers))
                    return (new(Status(headers), headers, [], head, Closes: true), null);
                if (BodyOf(headers, end + 4, head) is { } body)
                {
                    _read = _read[body.End..];
                    var closes = _ended || headers.Contains("\nConnection: close", StringComparison.OrdinalIgnoreCase);
                    return (new(Status(headers), headers, body.Bytes, head, closes), null);
                }
            }

            if (_ended)
                return (null, $"was answered in part: '{Encoding.Latin1.GetString(_read[..Math.Min(_read.Length, 400)])}'");
            await MoreAsync(cancellation);
        }
    }

    private async Task MoreAsync(CancellationToken cancellation)
    {
        try
        {
            var count = await _socket.ReceiveAsync(_chunk, cancellation);
            _ended = count == 0;
            _read = [.. _read, .. _chunk[..count]];
        }
        catch (SocketException)
        {
            // Closed while it still had what it would not read.
            _ended = true;
        }
    }

    private static int Status(string headers) => int.Parse(headers.AsSpan(9, 3), CultureInfo.InvariantCulture);

    private static bool IsStream(string headers) =>
        headers.Contains("\nContent-Type: text/event-stream", StringComparison.OrdinalIgnoreCase);

    /// <summary>The body and where it ends; null while it is not here wholly.</summary>
    private (byte[] Bytes, int End)? BodyOf(string headers, int start, bool head)
    {
        if ((head && IsNextAnswer(start)) || Status(headers) is 204 or 304 or < 200)
            return ([], start);
        if (headers.Contains("\nTransfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase))
            return Chunks(start);
        var length = Length().Match(headers);
        if (!length.Success)
            // To a client of HTTP/1.0: up to the end of the connection.
            return _ended ? (_read[start..], _read.Length) : null;
        var end = start + int.Parse(length.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        return end <= _read.Length ? (_read[start..end], end) : null;
    }

    /// <summary>
    /// Whether nothing, or another answer, begins there. An input with HEAD in it may be another request all the same, which has a body.
    /// </summary>
    private bool IsNextAnswer(int at)
    {
        var next = _read.AsSpan(at, Math.Min(_read.Length - at, "HTTP/1."u8.Length));
        return "HTTP/1."u8.StartsWith(next);
    }

    private (byte[] Bytes, int End)? Chunks(int at)
    {
        var bytes = new List<byte>();
        while (true)
        {
            var line = _read.AsSpan(at).IndexOf("\r\n"u8);
            if (line < 0)
                return null;
            var size = int.Parse(Encoding.ASCII.GetString(_read, at, line), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            var start = at + line + 2;
            if (start + size + 2 > _read.Length)
                return null;
            bytes.AddRange(_read[start..(start + size)]);
            at = start + size + 2;
            if (size == 0)
                return ([.. bytes], at);
        }
    }

    [GeneratedRegex(@"^HTTP/1\.1 [1-5][0-9][0-9] ")]
    private static partial Regex StatusLine();

    [GeneratedRegex(@"\nContent-Length: ([0-9]{1,9})\r", RegexOptions.IgnoreCase)]
    private static partial Regex Length();

    [GeneratedRegex(
        @"^(GET|HEAD|POST|PATCH|PUT|DELETE) (?<path>/[!-~]*) HTTP/1\.1\r\nHost: dmm\r\nContent-Type: application/json\r\n"
        + @"Content-Length: (?<length>[0-9]{1,6})\r\n$")]
    private static partial Regex Head();
}
