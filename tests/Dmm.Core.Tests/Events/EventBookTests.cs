using Dmm.Core.Events;

namespace Dmm.Core.Tests.Events;

/// <summary>The events of one VM push out none of the others.</summary>
public sealed class EventBookTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly EventBook _book = new(1_000);
    private TimeSpan _now;

    private string[] Kept => [.. _book.Read(null, 0).Select(e => $"{e.Notice.Kind} {e.Notice.Vm} {e.Notice.Text}".Trim())];

    private Numbered? Happens(string kind, string? vm, string text = "") =>
        _book.Take(new(Start + _now, kind, vm is null ? null : VmId.Parse(vm), text), _now);

    [Fact]
    public void A_guest_that_is_always_somebody_else_pushes_out_nothing_but_its_own()
    {
        for (var i = 0; i < 300; i++)
            Happens(i % 3 == 0 ? "vmBooted" : "granted", i % 3 == 2 ? null : $"honest-{i % 30}", $"{i}");
        var before = Kept;
        // 200 events a second, for an hour, of each kind that a guest can cause.
        for (var i = 0; i < 200 * 3600; i++)
        {
            _now += TimeSpan.FromMilliseconds(5);
            Happens(i % 3 == 0 ? "agentHello" : i % 3 == 1 ? "pressure" : "agentSilent", "liar", $"kernel {i}");
        }

        Assert.Equal(before, Kept.Except(Kept.Where(line => line.Contains("liar", StringComparison.Ordinal))));
        Assert.Equal(1_000, Kept.Length);
        Assert.Contains(Kept, line => line.Contains("liar kernel 719", StringComparison.Ordinal));
    }

    [Fact]
    public void Only_so_many_of_one_kind_are_told_and_how_many_were_left_out_is()
    {
        var told = Enumerable.Range(0, 1_000).Count(_ => Happens("agentHello", "liar") is not null);
        Assert.Equal(EventBook.Burst, told);
        // Its other kinds, and the same kind of other VMs, are still told.
        Assert.NotNull(Happens("stuck", "liar"));
        Assert.NotNull(Happens("agentHello", "honest"));
        Assert.All(Enumerable.Range(0, 1_000), _ => Assert.NotNull(Happens("deficit", null)));

        _now += TimeSpan.FromSeconds(1);
        Assert.Equal("again (940 more like it were left out)", Happens("agentHello", "liar", "again")!.Notice.Text);
        _now += TimeSpan.FromSeconds(1);
        Assert.Equal("again", Happens("agentHello", "liar", "again")!.Notice.Text);
    }

    [Fact]
    public void Many_share_alike_and_the_oldest_go_first()
    {
        for (var i = 0; i < 50_000; i++)
        {
            _now += TimeSpan.FromSeconds(1);
            Happens("settled", $"vm-{i % 100}", $"{i}");
        }

        var kept = _book.Read(null, 0).ToList();
        Assert.Equal(1_000, kept.Count);
        Assert.All(kept.GroupBy(e => e.Notice.Vm), own => Assert.Equal(10, own.Count()));
        Assert.Equal(Enumerable.Range(49_000, 1_000).Select(i => $"{i}"), kept.Select(e => e.Notice.Text));
        Assert.Equal(["49998", "49999"], _book.Read(null, kept[^3].Sequence).Select(e => e.Notice.Text));
    }

    [Fact]
    public void More_vms_than_there_is_room_for_have_one_each_the_newest()
    {
        for (var i = 0; i < 5_000; i++)
            Happens("vmEnded", $"vm-{i}", $"{i}");
        Assert.Equal(Enumerable.Range(4_000, 1_000).Select(i => $"{i}"), _book.Read(null, 0).Select(e => e.Notice.Text));
    }
}
