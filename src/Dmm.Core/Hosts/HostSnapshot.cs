using System.Collections.Immutable;
using Dmm.Core.Journals;

namespace Dmm.Core.Hosts;

/// <summary>The shortest history that leads to a state: a snapshot needs no form of its own, and old ones load as old events do.</summary>
public sealed record HostSnapshot(ImmutableArray<IHostEvent> Events)
{
    /// <summary>Which events were how old when earlier snapshots were taken: what <see cref="History"/> deletes by.</summary>
    public ImmutableArray<HistoryMark> Marks { get; init; } = [];
}
