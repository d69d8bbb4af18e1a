using System.Text.Json.Serialization;
using Dmm.Core;

namespace Dmm.Testbed;

/// <summary>
/// The load generator's report of its guest and of its own work (docs/develop/load-generator.md). It is read in the guest, so it is what
/// a program there sees.
/// </summary>
public sealed record LoadReport
{
    public required long Seq { get; init; }

    /// <summary>
    /// The guest's own clock. Intervals between reports are computed from it, so that delays of the transport don't count.
    /// </summary>
    public required long UptimeMs { get; init; }

    public required long HeldKib { get; init; }

    public required long WantKib { get; init; }

    public int Threads { get; init; }

    public long Operations { get; init; }

    public long OperationsPerSecond { get; init; }

    public required long MemTotalKib { get; init; }

    public long MemAvailableKib { get; init; }

    public long MemFreeKib { get; init; }

    /// <summary>The part of the guest's memory that is swapped out now; 0 if it has no swap.</summary>
    public long SwapUsedKib { get; init; }

    /// <summary>Pages since the guest's boot.</summary>
    public long SwapIns { get; init; }

    /// <summary>Pages since the guest's boot.</summary>
    public long SwapOuts { get; init; }

    /// <summary>PSI: microseconds since the guest's boot in which some task stalled on memory.</summary>
    public long StallSomeUs { get; init; }

    /// <summary>PSI: microseconds since the guest's boot in which all tasks stalled on memory.</summary>
    public long StallFullUs { get; init; }

    public long OomKills { get; init; }

    [JsonIgnore]
    public MemorySize Held => MemorySize.FromKiB(HeldKib);

    [JsonIgnore]
    public MemorySize MemTotal => MemorySize.FromKiB(MemTotalKib);

    [JsonIgnore]
    public MemorySize MemAvailable => MemorySize.FromKiB(MemAvailableKib);
}
