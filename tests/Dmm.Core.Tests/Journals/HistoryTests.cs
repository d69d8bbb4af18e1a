using System.Collections.Immutable;
using Dmm.Core.Journals;

namespace Dmm.Core.Tests.Journals;

public sealed class HistoryTests
{
    private static readonly DateTimeOffset At = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    private static readonly HistoryKeep Keep = new(TimeSpan.FromDays(30), 10_000);

    [Fact]
    public void What_is_young_stays_and_what_is_old_goes_up_to_the_newest_mark_that_is_old_enough()
    {
        ImmutableArray<HistoryMark> marks = [
            new(500, At.AddDays(-60)),
            new(1000, At.AddDays(-31)),
            new(1500, At.AddDays(-29)),
            new(2000, At),
        ];
        var (upTo, left) = History.Delete(marks, 2000, At, Keep)!.Value;
        Assert.Equal(1000, upTo);
        Assert.Equal([1500, 2000], left.Select(m => m.Sequence));
    }

    [Fact]
    public void Many_events_go_however_young_they_are()
    {
        ImmutableArray<HistoryMark> marks = [.. Enumerable.Range(1, 40).Select(i => new HistoryMark(i * 500, At))];
        Assert.Equal(10_000, History.Delete(marks, 20_000, At, Keep)!.Value.UpTo);
    }

    [Fact]
    public void Nothing_after_the_saved_snapshot_ever_goes()
    {
        ImmutableArray<HistoryMark> marks = [new(500, At.AddDays(-60)), new(1000, At.AddDays(-60))];
        Assert.Equal(500, History.Delete(marks, 500, At, new(TimeSpan.Zero, 0))!.Value.UpTo);
        Assert.Null(History.Delete(marks, 400, At, new(TimeSpan.Zero, 0)));
    }

    /// <summary>A clock that was never set shows 1970 or 2000 until NTP has answered, and a wrong clock may show any year.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(3_650)]
    [InlineData(-20_000)]
    public void No_history_is_old_at_once_because_the_hosts_clock_was_set_while_no_daemon_ran(double days)
    {
        ImmutableArray<HistoryMark> marks = [new(500, At.AddDays(-20)), new(1000, At.AddDays(-10)), new(1500, At)];
        var now = History.Start(marks, At.AddDays(days), Keep);
        Assert.Null(History.Delete(marks, 1500, now, Keep));
        // From there on time passes normally.
        Assert.Equal(500, History.Delete(marks, 1500, now.AddDays(10), Keep)!.Value.UpTo);
        Assert.Equal(1500, History.Delete(marks, 1500, now.AddDays(31), Keep)!.Value.UpTo);
    }

    [Fact]
    public void Marks_stay_few()
    {
        ImmutableArray<HistoryMark> marks = [];
        for (var i = 1; i <= 5_000; i++)
        {
            var (sequence, now) = (i * 500L, At.AddMinutes(i));
            marks = History.Note(marks, new(sequence, now), Keep);
            if (History.Delete(marks, sequence, now, Keep) is { } delete)
                marks = delete.Left;
        }

        Assert.InRange(marks.Length, 1, 60);
    }
}
