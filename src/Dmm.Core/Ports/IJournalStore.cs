using System.Collections.Immutable;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;

namespace Dmm.Core.Ports;

/// <summary>
/// The file behind the journal, as its keeper sees it: the plugin of Akka.Persistence reads and writes events, this looks after the file. A
/// port, since the actor shell knows no files.
/// </summary>
public interface IJournalStore
{
    /// <summary>What a failed read or write means.</summary>
    JournalFault Judge(Exception cause);

    /// <summary>Whether the file that is written is still the one that the next daemon will read. Quick.</summary>
    /// <returns>What has happened to it; null where it is in its place.</returns>
    string? Look();

    /// <summary>
    /// Returns once the journal can be read and written: tried by a write of its own. A file that is gone or was exchanged is begun anew
    /// from <paramref name="known"/>, the shortest history of all that was promised; what stands in its place is moved aside. Does not hold
    /// its caller up while the disk does its work.
    /// </summary>
    /// <param name="known">Null where nothing is known yet: then what is there is read.</param>
    /// <returns>What was begun anew, for people; null where nothing was.</returns>
    Task<string?> MendAsync(ImmutableArray<IHostEvent>? known, CancellationToken cancellation);
}
