using Dmm.Actors.Serialization;
using Dmm.Core;
using Dmm.Core.Hosts;

namespace Dmm.Daemon.Journals;

/// <summary>
/// Reads from the journal what was promised at some time, to explain times that the daemon no longer remembers. It reads beside the
/// daemon, on a read-only connection of its own, and looks at no more than the last <see cref="Most"/> events before that time.
/// </summary>
public sealed class PastPromises(string path, TimeSpan busy)
{
    public const int Most = 5_000;

    private const string Query = """
        select manifest, message from (
            select sequence_number, manifest, message from journal
            where persistence_id = $stream and not deleted
              and sequence_number <= (
                select sequence_number from journal where created <= $at order by created desc, sequence_number desc limit 1)
            order by sequence_number desc limit $most)
        where manifest in ('promises-changed-1', 'vm-launched-1', 'vm-ended-1', 'vm-forgotten-1') and instr(cast(message as text), $vm) > 0
        order by sequence_number desc limit 1
        """;

    /// <summary>True where the journal holds an event from before that time.</summary>
    public bool ReachesBackTo(DateTimeOffset at)
    {
        using var connection = JournalFile.Open(path, busy, readOnly: true);
        using var command = connection.CreateCommand();
        command.CommandText =
            "select exists (select 1 from journal where persistence_id = $stream and not deleted and created <= $at)";
        command.Parameters.AddWithValue("$stream", JournalFile.Stream);
        command.Parameters.AddWithValue("$at", at.UtcTicks);
        return command.ExecuteScalar() is 1L;
    }

    /// <returns>
    /// The last change of the VM's promise before that time; null where none is found, or where the VM was not there.
    /// </returns>
    public PromisesChanged? Find(VmId vm, DateTimeOffset at)
    {
        using var connection = JournalFile.Open(path, busy, readOnly: true);
        using var command = connection.CreateCommand();
        command.CommandText = Query;
        command.Parameters.AddWithValue("$stream", JournalFile.Stream);
        command.Parameters.AddWithValue("$at", at.UtcTicks);
        command.Parameters.AddWithValue("$most", Most);
        command.Parameters.AddWithValue("$vm", $"\"vm\":\"{vm}\"");
        using var reader = command.ExecuteReader();
        return reader.Read() ? HostEventJson.Read(reader.GetFieldValue<byte[]>(1), reader.GetString(0)) as PromisesChanged : null;
    }
}
