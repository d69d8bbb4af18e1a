using System.Collections.Immutable;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;

namespace Dmm.Core.Ports;

/// <summary>
/// The file behind the journal, as its keeper sees it: the plugin of Akka.Persistence reads and writes events, this port looks after the
/// file. It is a port because the actors' layer does no file access.
/// </summary>
public interface IJournalStore
{
    /// <summary>Judges what a failed read or write means.</summary>
    JournalFault Judge(Exception cause);

    /// <summary>Checks whether the file that is written is still the one that the next daemon will read. Fast.</summary>
    /// <returns>What has happened to the file; null where it is in its place.</returns>
    string? Look();

    /// <summary>
    /// Returns once the journal can be read and written, which is tested by a write of its own. A file that is gone or was replaced is
    /// begun anew from <paramref name="known"/>, the shortest history of all that was promised; a file found in its place is moved aside.
    /// The caller is not blocked while the disk works.
    /// </summary>
    /// <param name="known">Null where nothing is known yet: then the existing file is read.</param>
    /// <returns>What was begun anew, as a text for people; null where nothing was.</returns>
    Task<string?> MendAsync(ImmutableArray<IHostEvent>? known, CancellationToken cancellation);
}
