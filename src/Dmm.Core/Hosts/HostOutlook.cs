using Dmm.Core.Memory;

namespace Dmm.Core.Hosts;

/// <summary>Rules by which the ledger follows the host's memory. The reasons are in config/reference.conf.</summary>
public sealed record HostRules
{
    /// <summary>The setting <c>dmm.host.memory</c>: the ledger never counts on more.</summary>
    public required MemorySize Memory { get; init; }

    /// <summary>Available memory that is never counted on. The host is under pressure when less than twice as much is available.</summary>
    public MemorySize Margin { get; init; } = MemorySize.FromMiB(128);

    /// <summary>The memory that is counted on is a multiple of this: smaller changes of the host resize nothing.</summary>
    public MemorySize Step { get; init; } = MemorySize.FromMiB(16);

    /// <summary>
    /// Memory must have been back for this long before it is counted on again, and pressure gone for this long before the cushion halves.
    /// </summary>
    public TimeSpan CalmAfter { get; init; } = TimeSpan.FromSeconds(30);

    public MemorySize Cushion { get; init; }

    /// <summary>The cushion under pressure; never below <see cref="Cushion"/>.</summary>
    public MemorySize CushionMax { get; init; }

    /// <summary>The host is under pressure when at least this part of ten seconds was stalled; 0 to 1.</summary>
    public double StallSome { get; init; } = 0.10;

    public double StallFull { get; init; } = 0.02;
}

/// <summary>
/// The memory of the host that the ledger counts on, reading by reading. It goes down at once, because memory that is not there must not be
/// promised. It goes up only to the least that was there for <see cref="HostRules.CalmAfter"/>, so that a neighbour that comes and goes
/// does not resize VMs each time. Under pressure the cushion doubles, at most once in the ten seconds over which the kernel averages, up to
/// its maximum; when the host is calm it halves.
/// </summary>
public sealed record HostOutlook(MemorySize Memory)
{
    /// <summary>The kernel averages over ten seconds: a measure against pressure shows no sooner.</summary>
    private static readonly TimeSpan StallWindow = TimeSpan.FromSeconds(10);

    /// <summary>Why <see cref="Memory"/> is below the setting; null where it is not.</summary>
    public string? Why { get; init; }

    /// <summary>The last reading; null before the first.</summary>
    public HostReading? Sight { get; init; }

    /// <summary>The factor on the cushion of the settings.</summary>
    public double CushionFactor { get; init; } = 1;

    /// <summary>Why the host is under pressure; null where it is not.</summary>
    public string? Pressure { get; init; }

    private HostCapacity? Rising { get; init; }

    private Moment RisingSince { get; init; }

    private Moment PressedAt { get; init; }

    private Moment FactorAt { get; init; }

    /// <summary>Returns the memory to keep free for fast growth now.</summary>
    public MemorySize Cushion(HostRules rules) =>
        CushionFactor <= 1 ? rules.Cushion
        : MemorySize.Max(rules.Cushion, MemorySize.Min(rules.Cushion.Scale(CushionFactor), rules.CushionMax));

    /// <param name="ledger">The present ledger: its claims, and its host reserve.</param>
    /// <param name="launching">As for <see cref="HostCapacity.Of"/>.</param>
    public HostOutlook Take(HostReading sight, Ledger ledger, HostRules rules, Moment now, MemorySize launching = default) =>
        (this with { Sight = sight }).Count(HostCapacity.Of(sight, ledger, rules.Memory, rules.Margin, launching), rules, now)
        .Press(sight, rules, now);

    private HostOutlook Count(HostCapacity seen, HostRules rules, Moment now)
    {
        if (seen.Memory < rules.Memory)
            seen = seen with { Memory = seen.Memory.RoundDown(rules.Step) };
        if (seen.Memory <= Memory)
            return this with { Memory = seen.Memory, Why = seen.Why, Rising = null };
        var least = Rising is { } before && before.Memory < seen.Memory ? before : seen;
        if (Rising is null)
            return this with { Rising = seen, RisingSince = now };
        return now - RisingSince < rules.CalmAfter
            ? this with { Rising = least }
            : this with { Memory = least.Memory, Why = least.Why, Rising = null };
    }

    private HostOutlook Press(HostReading sight, HostRules rules, Moment now)
    {
        var pressure = PressureOf(sight, rules);
        if (pressure is not null)
        {
            var grows = now - FactorAt >= StallWindow && rules.Cushion.Scale(CushionFactor) < rules.CushionMax;
            return this with
            {
                Pressure = pressure,
                PressedAt = now,
                CushionFactor = grows ? CushionFactor * 2 : CushionFactor,
                FactorAt = grows ? now : FactorAt,
            };
        }

        var calm = CushionFactor > 1 && now - PressedAt >= rules.CalmAfter && now - FactorAt >= rules.CalmAfter;
        return this with { Pressure = null, CushionFactor = calm ? CushionFactor / 2 : CushionFactor, FactorAt = calm ? now : FactorAt };
    }

    private static string? PressureOf(HostReading sight, HostRules rules)
    {
        var available = sight.Groups.Aggregate(sight.Available, static (least, group) => MemorySize.Min(least, group.Available));
        return available < rules.Margin.Scale(2) ? $"{available} available"
            : sight.Stall is not { } stall ? null
            : stall.Full >= rules.StallFull ? $"{stall.Full:P0} of the last 10 s fully stalled for memory"
            : stall.Some >= rules.StallSome ? $"{stall.Some:P0} of the last 10 s stalled for memory"
            : null;
    }
}
