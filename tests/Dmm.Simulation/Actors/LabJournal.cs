using System.Collections.Immutable;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Ports;

namespace Dmm.Simulation.Actors;

/// <summary>The journal's file as the keeper of the host's actor sees it: it fails and is mended, and stays where it is.</summary>
internal sealed class LabJournal(JournalStore store) : IJournalStore
{
    /// <summary>What stands in the store was written by the daemon's own actors: where it does not follow, they are at fault.</summary>
    public JournalFault Judge(Exception cause) => new(cause is JournalContentException, cause.Message);

    public string? Look() => null;

    public Task<string?> MendAsync(ImmutableArray<IHostEvent>? known, CancellationToken cancellation) => store.Fault("mend") is { } fault
        ? Task.FromException<string?>(new IOException(fault))
        : Task.FromResult<string?>(null);
}
