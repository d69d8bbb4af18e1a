using System.Runtime.Serialization;
using Akka.Pattern;
using Dmm.Core.Journals;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Journals;

/// <summary>Explains to people what a failed read or write of the journal means, and whether it can pass by itself.</summary>
public static class JournalFaults
{
    /// <summary>The way to repair a corrupt journal.</summary>
    public const string WayOut =
        "'dmmd journal check' says what is wrong with it; 'dmmd journal rebuild' moves it aside and makes a new one from the VMs that "
            + "run; the VMs run on meanwhile";

    // Result codes of SQLite (https://www.sqlite.org/rescode.html).
    private const int Error = 1, Busy = 5, Locked = 6, ReadOnly = 8, InputOutput = 10, Corrupt = 11, Full = 13, CantOpen = 14,
        NotADatabase = 26;

    public static JournalFault Judge(Exception cause, string path, TimeSpan busy)
    {
        foreach (var fault in Chain(cause))
        {
            switch (fault)
            {
                case SqliteException { SqliteErrorCode: Corrupt or NotADatabase } sql:
                    return new(true, $"{path} is corrupt: {Said(sql)}");
                case SqliteException { SqliteErrorCode: Error } sql when sql.Message.Contains("no such table", StringComparison.Ordinal):
                    return new(true, $"{path} is not a journal of DMM: {Said(sql)}");
                case SqliteException { SqliteErrorCode: Full } sql:
                    return new(false, $"the disk of {path} is full ({Said(sql)})");
                case SqliteException { SqliteErrorCode: Busy or Locked }:
                    return new(
                        false, $"another process has held the lock of {path} for more than {busy.TotalSeconds:0.#} s; 'fuser {path}' "
                            + $"names it");
                case SqliteException { SqliteErrorCode: ReadOnly } sql:
                    return new(false, $"{path} can't be written ({Said(sql)})");
                case SqliteException { SqliteErrorCode: InputOutput or CantOpen } sql:
                    return new(false, $"the disk of {path} fails ({Said(sql)})");
                case SerializationException or JournalContentException:
                    return new(true, $"{path}: {fault.Message}");
                case OpenCircuitException:
                    return new(false, $"{path} has failed several times in a row; DMM tries again shortly");
                case TimeoutException:
                    return new(false, $"{path}: a read or write did not finish in time");
            }
        }

        return new(false, $"{path}: {cause.GetBaseException().Message}");
    }

    private static IEnumerable<Exception> Chain(Exception cause)
    {
        yield return cause;
        var inner = cause is AggregateException many ? many.InnerExceptions : cause.InnerException is { } one ? [one]
            : (IReadOnlyList<Exception>)[];
        foreach (var deeper in inner.SelectMany(Chain))
            yield return deeper;
    }

    private static string Said(SqliteException fault)
    {
        // Takes the text between the outer quotes. An example: "SQLite Error 13: 'database or disk is full'."
        var text = fault.Message;
        var (from, to) = (text.IndexOf('\'', StringComparison.Ordinal), text.LastIndexOf('\''));
        return to > from ? text[(from + 1)..to] : text;
    }
}
