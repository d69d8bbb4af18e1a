using Dmm.Core;
using Dmm.Demo.Reporting;

namespace Dmm.Demo.Tests;

public sealed class TimelineTests
{
    private readonly Timeline _timeline = new();
    private int _round;

    [Fact]
    public void The_most_together_is_what_all_of_them_had_at_once()
    {
        Round(("a", 300), ("b", 200));
        Round(("a", 500), ("b", 200));
        Round(("a", 500), ("b", 200));
        Assert.Equal(MemorySize.FromMiB(700), _timeline.PeakTogether(2));
    }

    [Fact]
    public void Memory_that_moves_between_two_looks_is_not_counted_twice()
    {
        // Guest a is sampled before it gave memory, and guest b after it received that memory.
        Round(("a", 500), ("b", 500));
        Round(("a", 200), ("b", 500));
        Round(("a", 200), ("b", 200));
        Assert.Equal(MemorySize.FromMiB(700), _timeline.PeakTogether(2));
    }

    [Fact]
    public void Rounds_with_fewer_guests_are_another_question()
    {
        Round(("a", 900));
        Round(("a", 900));
        Round(("a", 400), ("b", 100));
        Round(("a", 400), ("b", 100));
        Assert.Equal(MemorySize.FromMiB(500), _timeline.PeakTogether(2));
        Assert.Equal(MemorySize.FromMiB(900), _timeline.PeakTogether(1));
    }

    private void Round(params (string Vm, long MiB)[] guests)
    {
        _timeline.Add(guests.Select(g => new Sample(
            TimeSpan.FromSeconds(_round), _round, g.Vm, new(MemorySize.FromMiB(g.MiB), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero),
            null)));
        _round++;
    }
}
