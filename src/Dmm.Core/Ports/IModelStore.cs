using System.Collections.Immutable;
using Dmm.Core.Demand;

namespace Dmm.Core.Ports;

/// <summary>
/// What the models have learnt, kept from daemon to daemon. It may be lost, old or broken at any time without harm: VMs are then learnt
/// anew. Only one call is under way at a time. The caller is not blocked while the disk works.
/// </summary>
public interface IModelStore
{
    /// <exception cref="Exception">The store can't be read; a later call may succeed.</exception>
    Task<StoredModels> ReadAsync(CancellationToken cancellation);

    /// <summary>Deletes and replaces records, all or none.</summary>
    /// <returns>What was lost on the way, as a text for people: a broken store is begun anew. Null where nothing was.</returns>
    /// <exception cref="Exception">Nothing was written; a later call may succeed.</exception>
    Task<string?> WriteAsync(ImmutableArray<ModelRecord> put, ImmutableArray<VmId> drop, CancellationToken cancellation);
}

/// <param name="Records">One for each VM at most.</param>
/// <param name="Lost">What could not be used and is gone, as a text for people; null where all is well.</param>
public sealed record StoredModels(ImmutableArray<ModelRecord> Records, string? Lost);
