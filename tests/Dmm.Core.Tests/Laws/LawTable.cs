using Dmm.Core.Laws;

namespace Dmm.Core.Tests.Laws;

/// <summary>A law, a host and its guests, in MiB, so that a test reads like its calculation.</summary>
internal sealed class LawTable(ILaw law, long memory)
{
    private readonly List<LawGuest> _guests = [];
    private readonly List<long> _targets = [];

    /// <summary>Targets as whole MiB, rounded down.</summary>
    public long[] Targets => [.. _targets.Select(target => target >> 20)];

    public long Memory { get; set; } = memory;

    /// <param name="free">MemFree; memory that is neither used nor free is cache.</param>
    /// <param name="used">The memory that programs and the kernel hold, including what is swapped out.</param>
    public LawTable Guest(
        long actual, long used = 0, long free = 0, long min = 100, long boot = 4096, long max = 4096, int shares = 1000, long swapped = 0)
    {
        _guests.Add(default);
        _targets.Add(actual << 20);
        return Change(_guests.Count - 1, actual, used, free, min, boot, max, shares, swapped);
    }

    public LawTable Change(
        int slot, long actual, long used = 0, long free = 0, long min = 100, long boot = 4096, long max = 4096, int shares = 1000,
        long swapped = 0)
    {
        _guests[slot] = new()
        {
            Present = true,
            Min = min << 20,
            Boot = boot << 20,
            Max = max << 20,
            Shares = shares,
            Actual = actual << 20,
            Used = used << 20,
            Free = free << 20,
            Cache = Math.Max(0, actual - (used - swapped) - free) << 20,
            Swapped = swapped << 20,
        };
        return this;
    }

    public LawTable Remove(int slot)
    {
        _guests[slot] = default;
        return this;
    }

    /// <summary>Lets all guests reach their targets.</summary>
    public LawTable Arrive()
    {
        for (var i = 0; i < _guests.Count; i++)
            _guests[i] = _guests[i] with { Actual = _targets[i] };
        return this;
    }

    /// <returns>The time in seconds at which the law looks again; null if it is at rest.</returns>
    public double? Decide(double seconds = 0, LawEvents why = LawEvents.None)
    {
        var targets = _targets.ToArray();
        var used = _guests.Where(guest => guest.Present).Sum(guest => guest.Actual);
        var next = law.Decide(TimeSpan.FromSeconds(seconds), why, new(Memory << 20, used), _guests.ToArray(), targets);
        _targets.Clear();
        _targets.AddRange(targets);
        return next?.TotalSeconds;
    }
}
