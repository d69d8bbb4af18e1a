using Dmm.Benchmarks.Houses;
using Dmm.Core;

namespace Dmm.Benchmarks.Live;

/// <summary>The settings of the trial, the same for all laws.</summary>
/// <param name="Guests">The memory for all guests together; the host has their overhead in addition.</param>
/// <param name="Start">The memory of each guest when a run begins: together less than <paramref name="Guests"/>.</param>
/// <param name="Idle">The memory that an idle guest's load holds.</param>
/// <param name="Small">The first burst, which fits into what the host has free.</param>
/// <param name="Moving">
/// The load that then moves from guest to guest: more than an equal part of the host, and more than half of it.
/// </param>
/// <param name="OperationsPerSecond">The rate of the load: memory limits it, not the processor.</param>
internal sealed record LiveSettings(
    MemorySize Guests, MemorySize Start, MemorySize Min, MemorySize Boot, MemorySize Max, MemorySize Idle, MemorySize Small,
    MemorySize Moving, long OperationsPerSecond,
    TimeSpan SmallPhase, TimeSpan Phase)
{
    public static readonly string[] Names = ["alpha", "bravo", "carol"];

    public static LiveSettings Usual { get; } = new(
        MemorySize.FromMiB(1104), MemorySize.FromMiB(264), MemorySize.FromMiB(128), MemorySize.FromMiB(256), MemorySize.FromMiB(896),
        MemorySize.FromMiB(24),
        MemorySize.FromMiB(192), MemorySize.FromMiB(576), 100_000, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(6));

    public MemorySize EqualPart => new(Guests.Bytes / Names.Length);

    public IReadOnlyList<GuestPlan> Plans(MemorySize boot) => [.. Names.Select(name => new GuestPlan(name, Min, boot, Max))];

    /// <summary>
    /// The schedule: a small burst, then the load moves once through all guests, in an order that differs from run to run.
    /// </summary>
    public IReadOnlyList<LivePhase> Phases(ulong seed)
    {
        var chance = new SeededRandom(seed);
        var first = chance.Below(Names.Length);
        var step = 1 + chance.Below(Names.Length - 1);
        return
        [
            new(PhaseKind.HostHasRoom, first, Small, SmallPhase),
            .. Enumerable.Range(1, Names.Length)
                .Select(i => new LivePhase(PhaseKind.HostIsFull, (first + (i * step)) % Names.Length, Moving, Phase)),
        ];
    }
}

internal enum PhaseKind
{
    /// <summary>The memory that the burst needs is free on the host.</summary>
    HostHasRoom,

    /// <summary>The memory is held by the guest that had the load before.</summary>
    HostIsFull,
}

/// <summary>A period in which one guest has the load and the others idle.</summary>
internal sealed record LivePhase(PhaseKind Kind, int Guest, MemorySize Load, TimeSpan Length);
