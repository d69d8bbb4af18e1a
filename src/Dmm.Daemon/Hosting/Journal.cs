using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Hosting;

/// <summary>The embedded journal, made ready before the actor system opens it.</summary>
public static class Journal
{
    /// <summary>
    /// Write-ahead logging stays in the file once it is set, and can only be set by a connection that nobody disturbs. It halves the time of a
    /// write, and readers (an operator with <c>sqlite3</c>) do not hold up the daemon.
    /// </summary>
    /// <exception cref="StartException">The file can't be used.</exception>
    public static void Prepare(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 5, Pooling = false }.ConnectionString);
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA journal_mode=WAL";
            if (command.ExecuteScalar() as string is not "wal" and var mode)
                throw new StartException($"the journal {path} can't use write-ahead logging (it stays in mode '{mode}'); put it on a local disk");
        }
        catch (Exception fault) when (fault is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new StartException($"the journal {path} can't be opened: {fault.Message}", fault);
        }
    }
}
