using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using CsCheck;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Guest;
using Dmm.Hypervisors.Tests.Qemu;
using Dmm.Hypervisors.Wire;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Guest;

/// <summary>A guest may write anything into its channel: the channel stays usable, and the next good line is read.</summary>
public sealed class HostileGuestTests : IDisposable
{
    private static readonly MemorySize Limit = MemorySize.FromGiB(1);

    /// <summary>Pieces of odd JSON; each alone is a known difficulty for some JSON reader.</summary>
    private static readonly string[] Pieces =
    [
        "\"t\"", "\"sample\"", "\"hello\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u0000\"", "\"\\u00\"", "{", "}", "[", "]", ":", ",",
        "null", "true", "1e999", "-0", "0.1", "1E400",
        "18446744073709551615", "9223372036854775808", "-9223372036854775809", "\"memTotalKib\"", "\"memFreeKib\"", "\"memAvailableKib\"",
        "\"refaults\"", "\"why\"", "\"kernel\"", "\"protocol\"",
        "\u00ff", "\u00c3(", "\u00ed\u00a0\u0080", "\u00f8\u0088\u0080\u0080\u0080", "\0", "\u001b[2J", "\u00ef\u00bb\u00bf",
        " ", "//", "{\"t\":", "{\"\\ud800\":1,\"t\":", "{\"t\":\"sample\",\"why\":",
        "{\"t\":\"hello\",\"protocol\":1,\"kernel\":",
        "{\"t\":\"sample\",\"memTotalKib\":1,\"memFreeKib\":1,\"memAvailableKib\":1,\"refaults\":",
    ];

    private static readonly Gen<string> Odd = Gen.Frequency(
        (4, Gen.Int[0, Pieces.Length - 1].Select(static i => Pieces[i]).Array[1, 12].Select(string.Concat)),
        (2, Gen.Int[0, Pieces.Length - 1].Select(static i => Pieces[i]).Array[1, 2].Select(static p => "{\"t\":" + string.Concat(p) + "}")),
        (1, Gen.Byte.Array[0, 300].Select(static bytes => Encoding.Latin1.GetString(bytes))),
        (1, Gen.Int[1, 2000].Select(static depth => new string('[', depth))),
        (1, Gen.Int[1, 500].Select(static depth => string.Concat(Enumerable.Repeat("{\"t\":", depth)))));

    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Observed _observed = new();
    private readonly ConcurrentQueue<string> _log = [];
    private readonly GuestChannel _channel;
    private readonly Socket _listener;

    public HostileGuestTests()
    {
        _channel = new GuestChannel(_folder.In("agent"), Limit, TimeSpan.FromSeconds(5), _time, _observed.Take, _log.Enqueue);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(_folder.In("agent")));
        _listener.Listen();
    }

    public void Dispose()
    {
        Assert.True(_channel.DisposeAsync().AsTask().Wait(Eventually.Deadline), "the channel did not end");
        _listener.Dispose();
        _folder.Dispose();
    }

    /// <summary>JSON that can be parsed, but whose text can't be read; each line once stopped the reader for good.</summary>
    [Theory]
    [InlineData("""{"t":"\ud800"}""")]
    [InlineData("""{"t":"\udc00\ud800"}""")]
    [InlineData("{\"t\":\"\u00ff\u00fe\"}")]
    [InlineData("{\"t\":\"\u00ed\u00a0\u0080\"}")]
    [InlineData("""{"\ud800":1}""")]
    [InlineData("""{"t":"hello","protocol":1,"kernel":"\ud800"}""")]
    [InlineData("""{"t":"sample","memTotalKib":1,"memFreeKib":1,"memAvailableKib":1,"why":"\ud800"}""")]
    [InlineData("""{"t":"sample","\ud800":1,"memTotalKib":1}""")]
    public async Task A_text_that_is_none_is_a_bad_line_and_the_next_is_heard(string line)
    {
        using var guest = await ConnectedAsync();
        await SayAsync(guest, line + "\n" + Sample(100));

        Assert.Equal(MemorySize.FromKiB(100), (await _observed.FirstAsync<VmObservation.Sample>()).Value.MemFree);
        Assert.Equal(1, _channel.Refused);
        Assert.DoesNotContain(Assert.Single(_log), static c => c is not ('…' or (>= ' ' and <= '~')));
    }

    [Fact]
    public void No_json_however_odd_makes_the_reader_throw() => Odd.Sample(
        static line => GuestLine.Read(Encoding.Latin1.GetBytes(line), default, Limit) is not null, iter: 20_000);

    [Fact]
    public async Task Whatever_a_guest_writes_the_next_good_line_is_heard()
    {
        using var guest = await ConnectedAsync();
        var heard = 0;
        foreach (var garbage in Odd.Array[1, 20].Array[25].Single())
        {
            await SayAsync(guest, string.Concat(garbage.Select(static line => line.Replace('\n', ' ') + "\n")) + Sample(1000 + ++heard));
            var free = MemorySize.FromKiB(1000 + heard);
            await _observed.FirstAsync<VmObservation.Sample>(
                s => s.Value.MemFree == free, () => _time.Advance(TimeSpan.FromMilliseconds(20)));
        }
    }

    [Fact]
    public async Task Counters_rise_by_no_more_than_can_be()
    {
        using var guest = await ConnectedAsync();
        await SayAsync(guest, Counted(0));
        await _observed.FirstAsync<VmObservation.Sample>();
        _time.Advance(TimeSpan.FromSeconds(1));
        await SayAsync(guest, Counted(1L << 51));
        var sample = await _observed.FirstAsync<VmObservation.Sample>(static s => s.Value.Refaults > 0);
        Assert.InRange(sample.Value.Refaults, 1, SampleBounds.PagesPerSecond * 11);
        Assert.InRange(sample.Value.StallSomeMicroseconds, 1, SampleBounds.StallPerSecond * 11);

        static string Counted(long n) =>
            """{"t":"sample","memTotalKib":200000,"memFreeKib":1,"memAvailableKib":1""" +
            $$""","refaults":{{n}},"stallSomeUs":{{n}},"stallFullUs":{{n}}}""" + "\n";
    }

    [Fact]
    public async Task A_guest_that_introduces_itself_without_end_is_heard_once_a_second_and_its_last_word_counts()
    {
        using var guest = await ConnectedAsync();
        for (var i = 1; i <= 100; i++)
            await SayAsync(guest, $$"""{"t":"hello","protocol":1,"kernel":"k{{i}}"}""" + "\n");
        await SayAsync(guest, Sample(7));
        await _observed.FirstAsync<VmObservation.Sample>();
        var atOnce = _observed.Of<VmObservation.Hello>().Count;
        Assert.InRange(atOnce, 1, HelloPacer.Burst);

        for (var i = 0; i < 100; i++)
            _time.Advance(TimeSpan.FromMilliseconds(20));

        await _observed.FirstAsync<VmObservation.Hello>(static h => h.Value.Kernel == "k100");
        Assert.InRange(_observed.Of<VmObservation.Hello>().Count, atOnce + 1, atOnce + 2);
        Assert.False(_observed.Overlapped);
    }

    /// <summary>
    /// A line without an end is read no faster than lines are, so it costs this process no more than they do: meanwhile the guest's own
    /// writes block.
    /// </summary>
    [Fact]
    public async Task A_line_without_end_is_read_no_faster_than_lines()
    {
        using var guest = await ConnectedAsync();
        const int Size = 4 << 20;
        var all = SayAsync(guest, new string('x', Size) + "\n" + Sample(5));
        await _observed.FirstAsync<VmObservation.Sample>(
            static s => s.Value.MemFree == MemorySize.FromKiB(5), () => _time.Advance(TimeSpan.FromMilliseconds(20)));
        await all;
        Assert.Equal(1, _channel.Refused);
        var took = _time.GetUtcNow() - _time.Start;
        Assert.True(took >= TimeSpan.FromSeconds((Size / (double)GuestChannel.MaxBytesPerSecond) - 1), $"{Size} bytes were read in {took}");
    }

    /// <summary>While the clock stands still, a flood is read up to a second's worth, and then no more: the guest's writes block.</summary>
    [Theory]
    [InlineData('x')]
    [InlineData('\n')]
    public async Task A_flood_blocks_its_writer(char flood)
    {
        using var guest = await ConnectedAsync();
        guest.Blocking = false;
        var (chunk, sent) = (Encoding.ASCII.GetBytes(new string(flood, 4096)), 0L);
        // What the socket itself holds is not read: it is full when nothing could be written for a while.
        for (var quiet = 0; quiet < 100;)
        {
            if (!guest.Poll(TimeSpan.FromMilliseconds(5), SelectMode.SelectWrite))
            {
                quiet++;
                continue;
            }

            sent += guest.Send(chunk);
            quiet = 0;
            Assert.InRange(sent, 0, 4 << 20);
        }

        Assert.True(sent >= 4096, "nothing was written");
    }

    /// <summary>
    /// A guest that writes byte by byte makes a read of each: these are limited, too, and a channel opened anew is no way round.
    /// </summary>
    [Fact]
    public async Task Dribbled_bytes_and_new_connections_are_no_way_round()
    {
        var read = 0L;
        var pace = new ReadPace(_time, GuestChannel.MaxReadsPerSecond, GuestChannel.MaxBytesPerSecond);
        for (var connection = 0; connection < 4; connection++)
        {
            await using var lines = new LineReader(new Dribble(() => read++), GuestLine.MaxLength, pace);
            using var end = new CancellationTokenSource();
            var reading = lines.ReadAsync(end.Token).AsTask();
            await Eventually.UntilAsync(() => read >= GuestChannel.MaxReadsPerSecond, "the reads of a second");
            await end.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.InTime());
        }

        // Each connection that is opened may read once before it must wait.
        Assert.InRange(read, GuestChannel.MaxReadsPerSecond, GuestChannel.MaxReadsPerSecond + 8);
    }

    private static string Sample(long free) =>
        string.Create(
            CultureInfo.InvariantCulture, $$"""{"t":"sample","memTotalKib":200000,"memFreeKib":{{free}},"memAvailableKib":{{free}}}""")
        + "\n";

    private static async Task SayAsync(Socket guest, string text)
    {
        ReadOnlyMemory<byte> left = Encoding.Latin1.GetBytes(text);
        while (!left.IsEmpty)
            left = left[await guest.SendAsync(left).AsTask().InTime()..];
    }

    private async Task<Socket> ConnectedAsync()
    {
        _channel.Start();
        return await _listener.AcceptAsync().InTime();
    }

    /// <summary>A stream that never ends, and gives one byte at a time.</summary>
    private sealed class Dribble(Action read) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            cancellationToken.ThrowIfCancellationRequested();
            read();
            buffer.Span[0] = (byte)'x';
            return ValueTask.FromResult(1);
        }
    }
}
