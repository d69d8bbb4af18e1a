using Dmm.Hypervisors.Qemu.Devices;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Devices;

public sealed class WalkScheduleTests
{
    [Fact]
    public void A_large_process_is_walked_at_once_and_then_ever_more_rarely()
    {
        var time = new FakeTimeProvider();
        var schedule = new WalkSchedule(4711, time);
        var gaps = new List<TimeSpan>();
        var last = time.GetUtcNow();
        Assert.True(schedule.IsDue);
        schedule.Walked();
        while (gaps.Count < 9)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            if (!schedule.IsDue)
                continue;
            gaps.Add(time.GetUtcNow() - last);
            last = time.GetUtcNow();
            schedule.Walked();
        }

        double[] minutes = [1, 2, 4, 8, 16, 32, 60, 60, 60];
        Assert.All(gaps.Zip(minutes), g => Assert.InRange(g.First.TotalMinutes, g.Second, (g.Second * 1.25) + 0.02));
    }

    [Fact]
    public void Processes_that_were_met_together_are_walked_apart()
    {
        var time = new FakeTimeProvider();
        var schedules = Enumerable.Range(1000, 40).Select(pid => new WalkSchedule(pid, time)).ToList();
        schedules.ForEach(s => s.Walked());
        var due = new List<int>();
        for (var second = 60; second <= 75; second++)
        {
            time.Advance(TimeSpan.FromSeconds(second == 60 ? 60 : 1));
            due.Add(schedules.Count(s => s.IsDue));
        }

        Assert.True(due.Distinct().Count() > 8, string.Join(' ', due));
        Assert.Equal(40, due[^1]);
    }
}
