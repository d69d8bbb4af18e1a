using Dmm.Actors.Serialization;
using Dmm.Core.Hosts;
using Dmm.Files;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Journals;

/// <summary>
/// The SQLite file of the host's journal: its tables, and how events are written into a new one. Akka.Persistence.Sql reads and writes
/// it while the daemon runs.
/// </summary>
public static class JournalFile
{
    /// <summary>The stream of a host's events: the persistence id of <c>HostActor</c>.</summary>
    public const string Stream = "host";

    /// <summary>
    /// The tables as Akka.Persistence.Sql makes them (a test compares the two), and one of DMM's own: a probe, whose single row is
    /// written to test whether writing works. DMM makes the tables itself, because the plugin gives up for good where the file is
    /// locked at its only attempt.
    /// </summary>
    private const string Tables = """
        create table if not exists [journal]
        (
        	[ordering]        INTEGER        NOT NULL PRIMARY KEY AUTOINCREMENT,
        	[created]         INTEGER        NOT NULL,
        	[deleted]         Bit            NOT NULL,
        	[persistence_id]  NVarChar(255)  NOT NULL,
        	[sequence_number] INTEGER        NOT NULL,
        	[message]         VarBinary      NOT NULL,
        	[manifest]        NVarChar(500)      NULL,
        	[identifier]      INTEGER            NULL,
        	[writer_uuid]     NVarChar(128)      NULL
        );
        create unique index if not exists journal_uq on journal (persistence_id, sequence_number);
        create index if not exists journal_created_idx on journal (created);
        create index if not exists journal_sequence_number_idx on journal (sequence_number);
        create table if not exists [snapshot]
        (
        	[persistence_id]  NVarChar(255) NOT NULL,
        	[sequence_number] INTEGER       NOT NULL,
        	[created]         INTEGER       NOT NULL,
        	[snapshot]        VarBinary         NULL,
        	[manifest]        NVarChar(500)     NULL,
        	[serializer_id]   INTEGER           NULL,

        	CONSTRAINT [PK_snapshot] PRIMARY KEY ([persistence_id], [sequence_number])
        );
        create index if not exists snapshot_sequence_number_idx on snapshot (sequence_number);
        create index if not exists snapshot_created_idx on snapshot (created);
        create table if not exists [tags]
        (
        	[ordering_id]    INTEGER       NOT NULL,
        	[tag]            NVarChar(64)  NOT NULL,
        	[sequence_nr]    INTEGER       NOT NULL,
        	[persistence_id] NVarChar(255) NOT NULL,

        	CONSTRAINT [PK_tags] PRIMARY KEY ([ordering_id], [tag])
        );
        create index if not exists tags_persistence_id_sequence_nr_idx on tags (persistence_id, sequence_nr);
        create index if not exists tags_tag_idx on tags (tag);
        create table if not exists probe (id integer primary key, at text not null, pad blob not null);
        """;

    /// <summary>The connection string of every connection, the plugin's included.</summary>
    /// <param name="busy">How long to wait for a lock that another connection holds.</param>
    public static string ConnectionString(string path, TimeSpan busy, bool pooling = true, bool readOnly = false) =>
        new SqliteConnectionStringBuilder
        {
            DataSource = path,
            DefaultTimeout = (int)Math.Ceiling(busy.TotalSeconds),
            Pooling = pooling,
            Mode = readOnly ? SqliteOpenMode.ReadOnly : SqliteOpenMode.ReadWriteCreate,
        }.ConnectionString;

    /// <exception cref="WrongFileException">
    /// The path is not a regular file; SQLite would wait for ever for the other end of a pipe.
    /// </exception>
    public static SqliteConnection Open(string path, TimeSpan busy, bool readOnly = false)
    {
        RegularFile.Require(path);
        var connection = new SqliteConnection(ConnectionString(path, busy, pooling: false, readOnly));
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public static void MakeTables(SqliteConnection connection) => connection.Run(Tables);

    /// <summary>
    /// Writes more than one page (6000 bytes) through to the disk. A disk that is full, locked or failing refuses this as it would
    /// refuse an event.
    /// </summary>
    public static void Probe(SqliteConnection connection, DateTimeOffset now) =>
        connection.Run("insert or replace into probe (id, at, pad) values (1, $at, zeroblob(6000))", ("$at", now.ToString("O")));

    /// <summary>Appends events, all or none. It must only be used on a journal that no daemon has open.</summary>
    public static void Append(SqliteConnection connection, IEnumerable<IHostEvent> events, long after = 0)
    {
        using var transaction = connection.BeginTransaction();
        using var insert = connection.CreateCommand();
        insert.CommandText = """
            insert into journal (created, deleted, persistence_id, sequence_number, message, manifest, identifier, writer_uuid)
            values ($created, 0, $stream, $sequence, $message, $manifest, $identifier, $writer)
            """;
        var (created, sequence, message, manifest) = (
            insert.Parameters.Add("$created", SqliteType.Integer), insert.Parameters.Add("$sequence", SqliteType.Integer),
            insert.Parameters.Add("$message", SqliteType.Blob), insert.Parameters.Add("$manifest", SqliteType.Text));
        insert.Parameters.AddWithValue("$stream", Stream);
        insert.Parameters.AddWithValue("$identifier", HostEventSerializer.Id);
        insert.Parameters.AddWithValue("$writer", Guid.NewGuid().ToString("N"));
        foreach (var e in events)
        {
            // Akka.Persistence.Sql stores times as .NET ticks.
            created.Value = e.At.UtcTicks;
            sequence.Value = ++after;
            message.Value = HostEventJson.Write(e);
            manifest.Value = HostEventJson.NameOf(e);
            insert.ExecuteNonQuery();
        }

        transaction.Commit();
    }

    /// <summary>
    /// Makes a complete journal of these events and moves it into place in one step. The files that were there are moved aside, never
    /// deleted.
    /// </summary>
    /// <returns>The path to which the old journal was moved; null where there was none.</returns>
    public static string? Replace(string path, IEnumerable<IHostEvent> events, DateTimeOffset now)
    {
        var fresh = path + ".new";
        foreach (var file in Family(fresh))
            File.Delete(file);
        using (var connection = Open(fresh, TimeSpan.FromSeconds(5)))
        {
            MakeTables(connection);
            Append(connection, events);
        }

        var aside = $"{path}.{now:yyyyMMdd'T'HHmmss'Z'}";
        for (var i = 2; Family(aside).Any(File.Exists); i++)
            aside = $"{path}.{now:yyyyMMdd'T'HHmmss'Z'}.{i}";
        var stood = false;
        foreach (var (old, next) in Family(path).Zip(Family(aside)))
        {
            if (!File.Exists(old))
                continue;
            File.Move(old, next);
            stood = true;
        }

        File.Move(fresh, path);
        return stood ? aside : null;
    }

    public static void Run(this SqliteConnection connection, string sql, params (string Name, object Value)[] parameters)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value);
        command.ExecuteNonQuery();
    }

    private static string[] Family(string path) => [path, path + "-wal", path + "-shm", path + "-journal"];
}
