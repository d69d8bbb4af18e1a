using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Guest;
using Dmm.Hypervisors.Tests.Qemu;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Guest;

public sealed class GuestChannelTests : IDisposable
{
    private const string Hello = """{"t":"hello","protocol":1,"kernel":"6.1"}""";

    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Observed _observed = new();
    private readonly ConcurrentQueue<string> _log = [];
    private readonly GuestChannel _channel;
    private Socket? _listener;

    public GuestChannelTests() => _channel = new GuestChannel(
        _folder.In("agent"), MemorySize.FromGiB(1), TimeSpan.FromSeconds(5), _time, _observed.Take, _log.Enqueue, MemorySize.FromMiB(48));

    public void Dispose()
    {
        Assert.True(_channel.DisposeAsync().AsTask().Wait(Eventually.Deadline), "the channel did not end");
        _listener?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_guest_is_heard_and_then_falls_silent()
    {
        using var guest = await ConnectedAsync();
        await SayAsync(guest, Hello + "\n" + Sample(100));

        await _observed.FirstAsync<VmObservation.Hello>(h => h.Value.Kernel == "6.1");
        var sample = await _observed.FirstAsync<VmObservation.Sample>();
        Assert.Equal(MemorySize.FromKiB(100), sample.Value.MemFree);
        Assert.True(_channel.IsSpeaking);

        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Empty(_observed.Of<VmObservation.AgentSilent>());
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal("no line for 5 s", (await _observed.FirstAsync<VmObservation.AgentSilent>()).Why);
        Assert.False(_channel.IsSpeaking);
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Single(_observed.Of<VmObservation.AgentSilent>());
    }

    [Fact]
    public async Task A_guest_that_never_spoke_does_not_fall_silent()
    {
        using var guest = await ConnectedAsync();
        await SayAsync(guest, "getty: login\n");
        await Eventually.UntilAsync(() => _channel.Refused == 1, "the refusal");

        _time.Advance(TimeSpan.FromSeconds(60));

        Assert.Empty(_observed.All);
    }

    [Fact]
    public async Task Torn_and_broken_lines_are_counted_and_the_next_is_read()
    {
        using var guest = await ConnectedAsync();
        await SayAsync(guest, "mTotalKib\":1}\n");
        await SayAsync(guest, new string('x', GuestLine.MaxLength + 1) + "\n");
        await SayAsync(guest, "\0\u00ff\n{\"t\":\"later\"}\n");
        await SayAsync(guest, Hello[..20]);
        await SayAsync(guest, Hello[20..] + "\n");

        await _observed.FirstAsync<VmObservation.Hello>();
        Assert.Equal(3, _channel.Refused);
        Assert.Single(_log);
    }

    [Fact]
    public async Task An_agent_hears_its_settings_and_what_is_asked_of_it()
    {
        using var guest = await ConnectedAsync();
        await SayAsync(guest, """{"t":"hello","protocol":2,"lowKib":65536}""" + "\n");
        await _observed.FirstAsync<VmObservation.Hello>();
        _channel.AskSample();
        _time.Advance(GuestOrders.Delay);
        _channel.AskHello();

        Assert.Equal(
            """{"t":"settings","lowKib":49152}""" + "\n" + """{"t":"ask","what":"sample"}""" + "\n" + """{"t":"ask","what":"hello"}"""
                + "\n",
            await HearAsync(guest, lines: 3));
    }

    [Fact]
    public async Task A_guest_that_reads_nothing_holds_nobody_up()
    {
        using var guest = await ConnectedAsync();
        await SayAsync(guest, """{"t":"hello","protocol":2}""" + "\n");
        await _observed.FirstAsync<VmObservation.Hello>();
        for (var i = 0; i < 20_000; i++)
            _channel.AskHello();
        await SayAsync(guest, Sample(100));
        await _observed.FirstAsync<VmObservation.Sample>();
    }

    [Fact]
    public async Task A_line_without_end_does_not_fill_memory()
    {
        using var guest = await ConnectedAsync();
        var all = SayAsync(guest, new string('x', 4 << 20) + "\n" + Hello + "\n");

        await _observed.FirstAsync<VmObservation.Hello>(meanwhile: () => _time.Advance(TimeSpan.FromMilliseconds(100)));
        await all;
        Assert.Equal(1, _channel.Refused);
    }

    [Fact]
    public async Task A_lying_guest_is_bounded_by_what_the_VM_can_have()
    {
        using var guest = await ConnectedAsync();
        await SayAsync(guest, """{"t":"sample","memTotalKib":99999999999,"memFreeKib":99999999999,"memAvailableKib":99999999999}""" + "\n");

        Assert.Equal(MemorySize.FromGiB(1), (await _observed.FirstAsync<VmObservation.Sample>()).Value.MemTotal);
    }

    [Fact]
    public async Task A_flood_is_read_no_faster_than_agreed()
    {
        using var guest = await ConnectedAsync();
        var flood = new StringBuilder();
        for (var i = 1; i <= 3 * GuestChannel.MaxLinesPerSecond; i++)
            flood.Append(Sample(i));
        await SayAsync(guest, flood.ToString());

        await _observed.FirstAsync<VmObservation.Sample>();
        await _observed.FirstAsync<VmObservation.Sample>(
            s => s.Value.MemFree == MemorySize.FromKiB(3 * GuestChannel.MaxLinesPerSecond),
            () => _time.Advance(TimeSpan.FromMilliseconds(10)));
        Assert.InRange(_observed.Of<VmObservation.Sample>().Count, 2, 10);
        Assert.False(_observed.Overlapped);
        Assert.True(_time.GetUtcNow() - _time.Start >= TimeSpan.FromSeconds(1.9));
    }

    [Fact]
    public async Task A_channel_that_breaks_is_taken_up_again()
    {
        using (var guest = await ConnectedAsync())
        {
            await SayAsync(guest, Hello + "\n");
            await _observed.FirstAsync<VmObservation.Hello>();
            await HearAsync(guest, lines: 1);
        }

        Assert.Contains("closed", (await _observed.FirstAsync<VmObservation.AgentSilent>()).Why, StringComparison.Ordinal);
        using var again = await AcceptAsync();
        await SayAsync(again, Hello + "\n");
        await Eventually.UntilAsync(() => _observed.Of<VmObservation.Hello>().Count == 2, "the second hello");
    }

    [Fact]
    public async Task A_channel_that_is_not_there_yet_is_waited_for()
    {
        _channel.Start();
        _time.Advance(TimeSpan.FromSeconds(10));
        Listen();

        using var guest = await AcceptAsync();
        await SayAsync(guest, Hello + "\n");

        await _observed.FirstAsync<VmObservation.Hello>();
    }

    private static string Sample(long free) =>
        $$"""{"t":"sample","memTotalKib":200000,"memFreeKib":{{free}},"memAvailableKib":{{free}}}""" + "\n";

    private static async Task SayAsync(Socket guest, string text)
    {
        ReadOnlyMemory<byte> left = Encoding.Latin1.GetBytes(text);
        while (!left.IsEmpty)
            left = left[await guest.SendAsync(left).AsTask().InTime()..];
    }

    private void Listen()
    {
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(_folder.In("agent")));
        _listener.Listen();
    }

    private async Task<Socket> ConnectedAsync()
    {
        Listen();
        _channel.Start();
        return await AcceptAsync();
    }

    private static async Task<string> HearAsync(Socket guest, int lines)
    {
        var text = new StringBuilder();
        var buffer = new byte[1024];
        while (text.ToString().Count(c => c == '\n') < lines)
            text.Append(Encoding.UTF8.GetString(buffer, 0, await guest.ReceiveAsync(buffer).InTime()));
        return text.ToString();
    }

    private async Task<Socket> AcceptAsync()
    {
        var accepting = _listener!.AcceptAsync();
        await Eventually.UntilAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(100));
                return accepting.IsCompleted;
            },
            "the channel's connection");
        return await accepting;
    }
}
