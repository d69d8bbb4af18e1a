using System.Runtime.Serialization;
using Dmm.Actors.Serialization;
using Dmm.Core.Hosts;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Journals;

/// <summary>An event or a snapshot in the journal.</summary>
/// <param name="Content">
/// An <see cref="IHostEvent"/> or a <see cref="HostSnapshot"/>; null where it can't be read, and <paramref name="Fault"/> says why
/// then.
/// </param>
public sealed record JournalEntry(long Sequence, string Manifest, object? Content, string? Fault);

/// <summary>Reads a journal without an actor system and without changing it, for checks and for salvage.</summary>
public static class JournalReader
{
    public static IEnumerable<JournalEntry> Events(SqliteConnection connection) => Read(
        connection,
        "select sequence_number, manifest, message from journal where persistence_id = $stream and not deleted order by sequence_number");

    /// <summary>Returns the snapshots, newest first.</summary>
    public static IEnumerable<JournalEntry> Snapshots(SqliteConnection connection) => Read(
        connection,
        "select sequence_number, manifest, snapshot from snapshot where persistence_id = $stream order by sequence_number desc");

    private static IEnumerable<JournalEntry> Read(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Parameters.AddWithValue("$stream", JournalFile.Stream);
        using var reader = command.ExecuteReader();
        while (reader.Read())
            yield return Decode(reader.GetInt64(0), reader.IsDBNull(1) ? "" : reader.GetString(1), reader.IsDBNull(2) ? []
                : reader.GetFieldValue<byte[]>(2));
    }

    private static JournalEntry Decode(long sequence, string manifest, byte[] text)
    {
        try
        {
            return new(sequence, manifest, HostEventJson.Read(text, manifest), null);
        }
        catch (SerializationException fault)
        {
            return new(sequence, manifest, null, fault.Message);
        }
    }
}
