using System.Globalization;
using System.Text;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu.Connection;
using Dmm.Hypervisors.Qemu.Qmp;

namespace Dmm.Hypervisors.Tests.Qemu.Qmp;

/// <summary>
/// A guest can cause some of QEMU's events as often as it likes. They cost a bounded number of looks, and push out no other event.
/// </summary>
public sealed class EventFloodTests : QemuVmFixture
{
    private static readonly string[] Caused =
        ["BALLOON_CHANGE", "MEMORY_DEVICE_SIZE_CHANGE", "RTC_CHANGE", "GUEST_PANICKED", "RESET", "ACPI_DEVICE_OST", "BLOCK_IO_ERROR"];

    private readonly List<string> _delivered = [];
    private int _dropped;

    [Fact]
    public void Of_each_kind_a_few_are_delivered_at_once_and_the_newest_in_the_end()
    {
        var pacer = Pacer();
        for (var i = 1; i <= 10_000; i++)
        {
            foreach (var kind in Caused)
                pacer.Offer(kind, Encoding.ASCII.GetBytes($"{kind} {i}"));
        }

        pacer.Offer("STOP", "STOP"u8.ToArray());
        Assert.Equal((Caused.Length * EventPacer.Burst) + 1, _delivered.Count);
        Assert.Equal("STOP", _delivered[^1]);

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.All(Caused, kind => Assert.Contains($"{kind} 10000", _delivered));
        Assert.Equal((Caused.Length * (EventPacer.Burst + 1)) + 1, _delivered.Count);
        Assert.Equal((Caused.Length * 10_000) + 1, _delivered.Count + _dropped);
    }

    [Fact]
    public void In_a_second_no_more_than_agreed_are_delivered()
    {
        var pacer = Pacer();
        for (var i = 0; i < 10 * 1000; i++)
        {
            pacer.Offer("RESET", "RESET"u8.ToArray());
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.InRange(_delivered.Count, EventPacer.Burst + (9 * EventPacer.PerSecond), EventPacer.Burst + (10 * EventPacer.PerSecond) + 1);
    }

    [Fact]
    public void Invented_kinds_and_long_lines_fill_no_memory()
    {
        var pacer = Pacer();
        for (var i = 0; i < 100_000; i++)
            pacer.Offer(i.ToString(CultureInfo.InvariantCulture), "x"u8.ToArray());
        pacer.Offer("LONG", new byte[EventPacer.MaxLength + 1]);
        Assert.InRange(_delivered.Count, 1, 300);
        Assert.Equal(100_000, _delivered.Count + _dropped);
        pacer.Close();
        pacer.Close();
        pacer.Offer("late", "late"u8.ToArray());
        Assert.Equal(100_001, _delivered.Count + _dropped);
    }

    /// <summary>What the quick look takes for an event must be one for the parser, too, and of the same name.</summary>
    [Theory]
    [InlineData("""{"event": "STOP"}""", "STOP")]
    [InlineData("""{"timestamp": {"seconds": 1, "event": "no"}, "event": "STOP", "data": [{"event": "no"}]}""", "STOP")]
    [InlineData("""{"event": "A", "event": "B"}""", "B")]
    [InlineData("""{"event": "A", "event": 1}""", null)]
    [InlineData("""{"event": "A", "return": {}, "id": 1}""", null)]
    [InlineData("""{"event": "A"} x""", null)]
    [InlineData("""{"event": "A", """, null)]
    [InlineData("""{"event": "\ud800"}""", null)]
    [InlineData("""{"event": "A", "\ud800": 1}""", null)]
    [InlineData("""["event"]""", null)]
    public void An_event_is_known_by_its_line(string line, string? name)
    {
        var bytes = Encoding.UTF8.GetBytes(line);
        Assert.Equal(name, QmpMessage.EventNameOf(bytes));
        Assert.Equal(name, (QmpMessage.Parse(bytes) as QmpMessage.Happened)?.Value.Name);
    }

    [Fact]
    public async Task A_flood_of_events_makes_few_looks_and_what_follows_it_is_seen()
    {
        await using var qemu = new FakeQemu(Socket) { PluggedBytes = 0 };
        await using var vm = await ConnectAsync(qemu);
        await Eventually.UntilAsync(() => qemu.Count("query-memory-devices") > 0, "the first look");
        for (var i = 0; i < 2_000; i++)
        {
            await qemu.TellAsync("ACPI_DEVICE_OST", """{"info": {}}""");
            await qemu.TellAsync("RESET");
        }

        qemu.PluggedBytes = 512 * FakeQemu.Mib;
        await qemu.TellAsync("MEMORY_DEVICE_SIZE_CHANGE");
        await _observed.FirstAsync<VmObservation.Sizes>(static s => s.Value.Plugged.Bytes == 512 * FakeQemu.Mib, Tick);
        var seconds = (_time.GetUtcNow() - _time.Start).TotalSeconds;
        Assert.InRange(qemu.Count("query-memory-devices"), 1, (int)((2 + seconds) * SizeWatch.MaxLooksPerSecond));
        Assert.InRange(qemu.Count("query-status"), 1, (int)((2 + seconds) * SizeWatch.MaxLooksPerSecond));
    }

    private EventPacer Pacer() => new(_time, line => _delivered.Add(Encoding.ASCII.GetString(line)), () => _dropped++);
}
