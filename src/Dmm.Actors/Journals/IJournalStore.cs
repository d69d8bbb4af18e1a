using System.Collections.Immutable;
using Dmm.Actors.Hosts;

namespace Dmm.Actors.Journals;

/// <summary>What went wrong with the journal, in a line; <paramref name="Corrupt"/>: it will not go away by itself, a person must decide.</summary>
public sealed record JournalFault(bool Corrupt, string Why);

/// <summary>
/// The file behind the journal, as its keeper sees it: the plugin of Akka.Persistence reads and writes events, this looks after the file. A port,
/// since the actor shell knows no files.
/// </summary>
public interface IJournalStore
{
    /// <summary>What a failed read or write means.</summary>
    JournalFault Judge(Exception cause);

    /// <summary>Whether the file that is written is still the one that the next daemon will read. Quick.</summary>
    /// <returns>What has happened to it; null where it is in its place.</returns>
    string? Look();

    /// <summary>
    /// Returns once the journal can be read and written: tried by a write of its own. A file that is gone or was exchanged is begun anew from
    /// <paramref name="known"/>, the shortest history of all that was promised; what stands in its place is moved aside. Does not hold its caller up while
    /// the disk does its work.
    /// </summary>
    /// <param name="known">Null where nothing is known yet: then what is there is read.</param>
    /// <returns>What was begun anew, for people; null where nothing was.</returns>
    Task<string?> MendAsync(ImmutableArray<IHostEvent>? known, CancellationToken cancellation);
}

/// <summary>The journal holds what can't be: an event that does not decode or does not follow from those before, or a gap.</summary>
public sealed class JournalContentException : Exception
{
    public JournalContentException()
    {
    }

    public JournalContentException(string message)
        : base(message)
    {
    }

    public JournalContentException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
