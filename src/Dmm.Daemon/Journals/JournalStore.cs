using System.Collections.Immutable;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;
using Dmm.Core.Ports;
using Dmm.Daemon.Hosting;
using Dmm.Files;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Journals;

/// <summary>
/// Looks after the journal's file. One connection stays open all the time. Without it, another program that closes the journal last
/// would delete the write-ahead log. With it, the log stays the same file, and a change of either file can be detected.
/// </summary>
public sealed class JournalStore : IJournalStore, IDisposable
{
    private readonly string _path;
    private readonly TimeSpan _busy;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private SqliteConnection? _held;
    private FileIdentity? _file;
    private FileIdentity? _log;

    private JournalStore(string path, TimeSpan busy, TimeProvider time) => (_path, _busy, _time) = (path, busy, time);

    /// <summary>Opens the journal, or makes it where there is none.</summary>
    /// <exception cref="StartException">The journal can't be used; the message says why.</exception>
    public static JournalStore Open(string path, TimeSpan busy, TimeProvider time)
    {
        var store = new JournalStore(path, busy, time);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            store.Hold();
            return store;
        }
        catch (WrongFileException fault)
        {
            store.Dispose();
            throw new StartException($"dmm.journal.path can't be used: {fault.Message}", fault) { ExitCode = ExitCodes.Usage };
        }
        catch (Exception fault) when (fault is SqliteException or IOException or UnauthorizedAccessException)
        {
            store.Dispose();
            throw JournalFaults.Judge(fault, path, busy) is { Corrupt: true } corrupt
                ? new StartException(
                    $"the journal can't be opened: {corrupt.Why}; {JournalFaults.WayOut}", fault)
                { ExitCode = ExitCodes.JournalCorrupt }
                : new StartException($"the journal {path} can't be opened: {fault.Message}", fault);
        }
    }

    public JournalFault Judge(Exception cause) => JournalFaults.Judge(cause, _path, _busy);

    public string? Look()
    {
        lock (_lock)
        {
            return FileIdentity.Of(_path) is not { } now ? $"{_path} was deleted while the daemon was writing it"
                : now != _file ? $"{_path} was replaced by another file while the daemon was writing it"
                : FileIdentity.Of(_path + "-wal") != _log
                ? $"{_path}-wal, which is a part of the journal, was deleted or replaced while the daemon was writing it"
                : null;
        }
    }

    public Task<string?> MendAsync(ImmutableArray<IHostEvent>? known, CancellationToken cancellation) =>
        Task.Run(() => Mend(known, cancellation), cancellation);

    private string? Mend(ImmutableArray<IHostEvent>? known, CancellationToken cancellation)
    {
        string? begun = null;
        if (Look() is { } lost)
        {
            if (known is not { } events)
                throw new JournalContentException($"{lost}, and had not been read yet");
            begun = BeginAnew(lost, events);
        }

        cancellation.ThrowIfCancellationRequested();
        using var connection = JournalFile.Open(_path, _busy);
        JournalFile.Probe(connection, _time.GetUtcNow());
        return begun;
    }

    public void Dispose()
    {
        lock (_lock)
            LetGo();
    }

    /// <summary>
    /// Closes this connection and the plugin's idle ones. Pooled connections to a file that is lost would otherwise be used again.
    /// </summary>
    private void LetGo()
    {
        _held?.Dispose();
        _held = null;
        using var any = new SqliteConnection(JournalFile.ConnectionString(_path, _busy));
        SqliteConnection.ClearPool(any);
    }

    private string BeginAnew(string lost, ImmutableArray<IHostEvent> known)
    {
        lock (_lock)
        {
            LetGo();
            var now = _time.GetUtcNow();
            var aside = JournalFile.Replace(
                _path, known.Insert(0, new JournalBegun(now, $"{lost}; what the daemon knew was written again; older history is gone")),
                now);
            Hold();
            return $"{lost}; all promises are written again{(aside is null ? "" : $"; the file that was there is now {aside}")}";
        }
    }

    /// <summary>Refuses a database that has tables but no journal: it is another program's, and nothing may be added to it.</summary>
    private void RefuseForeign(SqliteConnection connection)
    {
        using var tables = connection.CreateCommand();
        tables.CommandText = """
            select name from sqlite_master
            where type = 'table' and not exists (select 1 from sqlite_master where name = 'journal') limit 1
            """;
        if (tables.ExecuteScalar() is string table)
            throw new WrongFileException(
                $"{_path} is a database of another program (it has a table {table}, but no table journal)");
    }

    private void Hold()
    {
        var held = JournalFile.Open(_path, _busy);
        try
        {
            RefuseForeign(held);
            using var mode = held.CreateCommand();

            // SQLite keeps the mode in the file once it is set. Write-ahead logging halves the time of a write, and readers (an
            // operator with sqlite3) block nobody.
            mode.CommandText = "PRAGMA journal_mode=WAL";
            if (mode.ExecuteScalar() as string is not "wal" and var other)
                throw new StartException(
                    $"the journal {_path} can't use write-ahead logging (it stays in mode '{other}'); put it on a local disk");
            JournalFile.MakeTables(held);
            mode.CommandText = "select count(*) from probe";
            mode.ExecuteScalar();
            (_held, _file, _log) = (held, FileIdentity.Of(_path), FileIdentity.Of(_path + "-wal"));
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }
}
