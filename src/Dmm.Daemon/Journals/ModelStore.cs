using System.Collections.Immutable;
using System.Runtime.Serialization;
using Dmm.Actors.Serialization;
using Dmm.Core;
using Dmm.Core.Demand;
using Dmm.Core.Ports;
using Dmm.Files;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Journals;

/// <summary>
/// What the models have learnt, in an SQLite file of its own beside the journal: it may be lost, so its faults must never touch the
/// journal. It is opened for each call, and made where it is missing. A file that is corrupt is moved aside; one of another version of DMM
/// is begun anew; one of another program is left alone, and nothing is kept.
/// </summary>
public sealed class ModelStore(string path, TimeSpan busy) : IModelStore
{
    /// <summary>"DMMm" in the file's header: tells the file from those of other programs.</summary>
    private const long Application = 0x444D4D6D;

    private const long Version = 1;

    /// <summary>The most records that are read; far more than a host has VMs.</summary>
    private const int Most = 20_000;

    // Result codes of SQLite (https://www.sqlite.org/rescode.html).
    private const int Corrupt = 11, NotADatabase = 26;

    public Task<StoredModels> ReadAsync(CancellationToken cancellation) => Task.Run(() => Read(cancellation), cancellation);

    public Task<string?> WriteAsync(ImmutableArray<ModelRecord> put, ImmutableArray<VmId> drop, CancellationToken cancellation) =>
        Task.Run(() => Mending(() => Write(put, drop)), cancellation);

    private StoredModels Read(CancellationToken cancellation)
    {
        RegularFile.Require(path);
        var (records, unread) = (ImmutableArray.CreateBuilder<ModelRecord>(), new List<string>());
        var lost = Mending(() =>
        {
            records.Clear();
            if (!File.Exists(path))
                return null;
            using var connection = JournalFile.Open(path, busy);
            var begun = Prepare(connection);
            using var select = connection.CreateCommand();
            select.CommandText = "select vm, case when length(record) <= $bytes then record end from model limit $most";
            select.Parameters.AddWithValue("$bytes", ModelJson.Most);
            select.Parameters.AddWithValue("$most", Most);
            using var rows = select.ExecuteReader();
            while (rows.Read())
            {
                cancellation.ThrowIfCancellationRequested();
                Take(rows);
            }

            return begun;
        });
        if (unread.Count > 0)
            lost = $"{(lost is null ? "" : $"{lost}; ")}{unread.Count} records of {path}, such as that of {unread[0]}";
        return new(records.ToImmutable(), lost);

        void Take(SqliteDataReader row)
        {
            var name = row.GetValue(0) as string ?? "";
            try
            {
                var record = ModelJson.Read(row.GetValue(1) as byte[] ?? throw new SerializationException("it is not a text, or too long"));
                if (record.Vm.Name != name)
                    throw new SerializationException($"it is of {record.Vm}");
                records.Add(record);
            }
            catch (SerializationException fault)
            {
                unread.Add($"{(name.Length > 48 ? name[..48] : name)} ({fault.Message})");
            }
        }
    }

    private string? Write(ImmutableArray<ModelRecord> put, ImmutableArray<VmId> drop)
    {
        using var connection = JournalFile.Open(path, busy);
        var begun = Prepare(connection);
        using var transaction = connection.BeginTransaction();
        using var delete = connection.CreateCommand();
        delete.CommandText = "delete from model where vm = $vm";
        var gone = delete.Parameters.Add("$vm", SqliteType.Text);
        foreach (var vm in drop)
        {
            gone.Value = vm.Name;
            delete.ExecuteNonQuery();
        }

        using var replace = connection.CreateCommand();
        replace.CommandText = "insert or replace into model (vm, record) values ($vm, $record)";
        var (name, text) = (replace.Parameters.Add("$vm", SqliteType.Text), replace.Parameters.Add("$record", SqliteType.Blob));
        foreach (var record in put)
        {
            (name.Value, text.Value) = (record.Vm.Name, ModelJson.Write(record));
            replace.ExecuteNonQuery();
        }

        transaction.Commit();
        return begun;
    }

    /// <summary>Does this once more on a new file where the old one is corrupt.</summary>
    /// <returns>What was lost, as a text for people; null for nothing.</returns>
    private string? Mending(Func<string?> act)
    {
        try
        {
            return act();
        }
        catch (SqliteException fault) when (fault.SqliteErrorCode is Corrupt or NotADatabase)
        {
            var aside = path + ".corrupt";
            File.Move(path, aside, overwrite: true);
            foreach (var part in new[] { "-wal", "-shm", "-journal" })
                File.Delete(path + part);
            act();
            return $"{path} is corrupt ({fault.Message}) and is now {aside}";
        }
    }

    /// <summary>Makes the table where it is missing; drops it where another version of DMM has made it.</summary>
    /// <exception cref="WrongFileException">The database is another program's.</exception>
    private string? Prepare(SqliteConnection connection)
    {
        var (application, version, tables) = (
            Number(connection, "PRAGMA application_id"), Number(connection, "PRAGMA user_version"),
            Number(connection, "select count(*) from sqlite_master"));
        if ((application, version) == (Application, Version) && tables > 0)
            return null;
        if (application != Application && tables > 0)
            throw new WrongFileException($"{path} is a database of another program; move it away");
        // Readers block nobody. A write that the host's end interrupts may be lost, but leaves the file whole.
        connection.Run("PRAGMA journal_mode=WAL");
        connection.Run($"""
            PRAGMA synchronous=NORMAL;
            begin immediate;
            drop table if exists model;
            create table model (vm text not null primary key, record blob not null) without rowid;
            PRAGMA application_id={Application};
            PRAGMA user_version={Version};
            commit;
            """);
        return tables == 0 ? null : $"the records in {path}, which are of version {version} and not {Version}";
    }

    private static long Number(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }
}
