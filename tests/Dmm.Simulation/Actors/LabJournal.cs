using System.Collections.Immutable;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Ports;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Actors;

/// <summary>The journal's file as the keeper of the host's actor sees it: it fails and recovers, and stays at the same place.</summary>
internal sealed class LabJournal(JournalStore store) : IJournalStore
{
    /// <summary>
    /// The daemon's own actors wrote what is in the store: an event that does not follow from those before it is their fault.
    /// </summary>
    public JournalFault Judge(Exception cause) => new(cause is JournalContentException, cause.Message);

    public string? Look() => null;

    public Task<string?> MendAsync(ImmutableArray<IHostEvent>? known, CancellationToken cancellation) =>
        store.Fault(Fault.JournalMend) is { } fault
            ? Task.FromException<string?>(new IOException(fault))
            : Task.FromResult<string?>(null);
}
