using System.Collections.Immutable;
using Dmm.Core.Journals;

namespace Dmm.Core.Hosts;

/// <summary>
/// The shortest history that leads to a state. So a snapshot needs no format of its own, and old snapshots load as old events do.
/// </summary>
public sealed record HostSnapshot(ImmutableArray<IHostEvent> Events)
{
    /// <summary>The ages of events, as marked when earlier snapshots were taken; <see cref="History"/> deletes by them.</summary>
    public ImmutableArray<HistoryMark> Marks { get; init; } = [];
}
