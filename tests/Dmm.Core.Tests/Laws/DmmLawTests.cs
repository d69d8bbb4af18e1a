using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

/// <summary>How often DMM's law takes a sample of a guest: a month of hundreds of guests must be played in a minute.</summary>
public sealed class DmmLawTests
{
    private const long MiB = 1 << 20;

    /// <summary>Plays one guest on a large host, a decision each second, and counts its samples: each sets when the next is due.</summary>
    private static int Samples(int seconds, Func<int, long> used)
    {
        var law = new DmmLaw();
        var guests = new LawGuest[] { new() { Present = true, Min = 128 * MiB, Boot = 512 * MiB, Max = 4096 * MiB, Shares = 100 } };
        var targets = new[] { 512 * MiB };
        var samples = 0;
        TimeSpan? due = null;
        for (var second = 0; second < seconds; second++)
        {
            var now = used(second);
            guests[0].Actual = targets[0];
            guests[0].Used = now;
            guests[0].Free = Math.Max(0, targets[0] - now);
            var why = second == 0 ? LawEvents.Population : LawEvents.None;
            var next = law.Decide(TimeSpan.FromSeconds(second), why, new(64L << 30, targets[0]), guests, targets);
            if (next > TimeSpan.FromSeconds(second) && next != due)
                (due, samples) = (next, samples + 1);
        }

        return samples;
    }

    [Fact]
    public void A_guest_that_says_the_same_is_asked_once_a_minute() => Assert.InRange(Samples(3600, _ => 200 * MiB), 55, 75);

    [Fact]
    public void A_guest_that_drifts_by_less_than_a_MiB_a_second_is_not_asked_each_second() =>
        // 16 KiB a second are a MiB a minute.
        Assert.InRange(Samples(3600, second => (200 * MiB) + (second * 16 << 10)), 55, 130);

    [Fact]
    public void A_guest_that_grows_fast_is_asked_each_second() =>
        // In a second in which it moves memory it asks to be called at once: those samples are not seen here.
        Assert.InRange(Samples(100, second => (200 * MiB) + (second * 8 * MiB)), 60, 100);

    /// <summary>A guest at rest is seldom sampled; its operator's orders count at once all the same.</summary>
    [Fact]
    public void Another_policy_of_a_guest_that_says_nothing_new_counts_at_the_next_look()
    {
        static LawGuest Guest(long used) => new()
        {
            Present = true,
            Min = 128 * MiB,
            Boot = 1024 * MiB,
            Max = 1024 * MiB,
            Shares = 1000,
            Actual = 512 * MiB,
            Used = used * MiB,
        };
        var law = new DmmLaw();
        LawGuest[] guests = [Guest(100), Guest(500)];
        long[] targets = [512 * MiB, 512 * MiB];
        var host = new LawHost(1024 * MiB, 1024 * MiB);
        for (var second = 0; second < 20; second++)
        {
            law.Decide(TimeSpan.FromSeconds(second), LawEvents.None, host, guests, targets);
            for (var i = 0; i < guests.Length; i++)
            {
                guests[i].Actual = targets[i];
                guests[i].Free = Math.Max(0, targets[i] - guests[i].Used);
            }
        }

        Assert.True(targets[0] < 450 * MiB, $"{targets[0] / MiB} MiB");
        guests[0].Min = 450 * MiB;
        law.Decide(TimeSpan.FromSeconds(20), LawEvents.None, host, guests, targets);
        Assert.True(targets[0] >= 450 * MiB, $"{targets[0] / MiB} MiB");
    }
}
