using System.Text;
using System.Text.Json.Nodes;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Tests.Qemu.Qmp;

public sealed class QmpReaderTests
{
    private const int Limit = 512;

    private static readonly string[] Messages =
    [
        FakeQmpServer.Greeting,
        """{"return": {"list": [{}, [], {"a": "}{\"][\\"}], "n": -1.5e3, "t": true, "x": null}, "id": 1}""",
        """{"event": "STOP"}""",
        """[1, 2]""",
    ];

    [Theory]
    [InlineData(false, "\r\n")]
    [InlineData(true, "\r\n")]
    [InlineData(true, "")]
    public async Task Messages_are_found_wherever_they_are_split(bool pretty, string between)
    {
        var written = Messages.Select(m => JsonNode.Parse(m)!.ToJsonString(new() { WriteIndented = pretty })).ToArray();
        var all = Encoding.UTF8.GetBytes(string.Concat(written.Select(w => w + between)));
        for (var split = 1; split < all.Length; split++)
        {
            await using var reader = new QmpReader(new Pieces(all[..split], all[split..]), Limit);
            foreach (var message in written)
                Assert.Equal(message, await TextAsync(reader));
            Assert.Equal(WireLineKind.End, (await reader.ReadAsync(default)).Kind);
        }
    }

    [Fact]
    public async Task Messages_are_found_byte_by_byte()
    {
        var all = Encoding.UTF8.GetBytes(string.Join('\n', Messages));
        await using var reader = new QmpReader(new Pieces([.. all.Select(b => new[] { b })]), Limit);
        foreach (var message in Messages)
            Assert.Equal(message, await TextAsync(reader));
        Assert.Equal(WireLineKind.End, (await reader.ReadAsync(default)).Kind);
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\nmore", "SSH-2.0-OpenSSH_9.2\r")]
    [InlineData("{\"a\": }}}\nmore", "{\"a\": }}}")]
    [InlineData("{\"a\n\": 1}\n", "{\"a")]
    public async Task What_is_not_JSON_is_quoted_by_the_line(string sent, string line)
    {
        var all = Encoding.UTF8.GetBytes(sent);
        for (var split = 1; split < all.Length; split++)
        {
            await using var reader = new QmpReader(new Pieces(all[..split], all[split..]), Limit);
            Assert.Equal(line, await TextAsync(reader));
        }
    }

    [Theory]
    [InlineData("{\"a\": \"", "x")]
    [InlineData("{\"a\": [", "1, ")]
    [InlineData("", " \n")]
    [InlineData("no JSON", "x")]
    public async Task No_more_than_the_limit_is_kept(string begin, string more)
    {
        var endless = new Pieces([Encoding.UTF8.GetBytes(begin + more), .. Enumerable.Repeat(Encoding.UTF8.GetBytes(more), 10_000)]);
        await using var reader = new QmpReader(endless, Limit);

        Assert.Equal(WireLineKind.TooLong, (await reader.ReadAsync(default)).Kind);
        Assert.InRange(endless.Sent, Limit, Limit + 8);
    }

    [Theory]
    [InlineData(Limit, WireLineKind.Line)]
    [InlineData(Limit + 1, WireLineKind.TooLong)]
    public async Task A_message_may_be_as_long_as_the_limit(int length, WireLineKind expected)
    {
        var message = $"[\"{new string('x', length - 4)}\"]";
        await using var reader = new QmpReader(new Pieces(Encoding.UTF8.GetBytes(message + "\n")), Limit);

        Assert.Equal(expected, (await reader.ReadAsync(default)).Kind);
    }

    private static async Task<string> TextAsync(QmpReader reader)
    {
        var line = await reader.ReadAsync(default);
        Assert.Equal(WireLineKind.Line, line.Kind);
        return Encoding.UTF8.GetString(line.Text);
    }

    /// <summary>A stream that gives these pieces, one at each reading.</summary>
    private sealed class Pieces(params byte[][] pieces) : MemoryStream
    {
        private int _next;

        public int Sent { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_next == pieces.Length)
                return ValueTask.FromResult(0);
            var piece = pieces[_next++];
            piece.CopyTo(buffer);
            Sent += piece.Length;
            return ValueTask.FromResult(piece.Length);
        }
    }
}
