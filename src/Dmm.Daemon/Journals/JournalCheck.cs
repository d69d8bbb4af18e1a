using Dmm.Core;
using Dmm.Core.Hosts;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Journals;

/// <summary>One check of a journal, and its result.</summary>
public sealed record Finding(string Question, bool Well, string Answer);

/// <summary>
/// <c>dmmd journal check</c>: whether the next daemon can start with this journal. It only reads, and may run while a daemon writes the
/// journal.
/// </summary>
public static class JournalCheck
{
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(5);

    /// <param name="empty">A host on which nothing is promised.</param>
    public static IReadOnlyList<Finding> Run(string path, HostState empty, Clocks now)
    {
        List<Finding> findings = [];
        if (!File.Exists(path))
            return [new("the file", false, $"{path} does not exist")];
        try
        {
            using var connection = JournalFile.Open(path, Busy, readOnly: true);
            findings.Add(new("the file", true, $"{path}, {new FileInfo(path).Length / 1024} KiB"));
            findings.Add(Integrity(connection));
            var snapshots = JournalReader.Snapshots(connection).ToList();
            var events = JournalReader.Events(connection).ToList();
            findings.Add(Reads("snapshots", snapshots));
            findings.Add(Reads("events", events));
            findings.Add(Gaps(snapshots, events));
            findings.Add(Folds(snapshots, events, empty, now));
        }
        catch (SqliteException fault)
        {
            findings.Add(new("can be read", false, JournalFaults.Judge(fault, path, Busy).Why));
        }

        return findings;
    }

    private static Finding Integrity(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA integrity_check(5)";
        using var reader = command.ExecuteReader();
        List<string> lines = [];
        while (reader.Read())
            lines.Add(reader.GetString(0));
        return new("SQLite's integrity_check", lines is ["ok"], string.Join("; ", lines).ReplaceLineEndings(" "));
    }

    private static Finding Reads(string what, List<JournalEntry> entries)
    {
        var faulty = entries.Where(e => e.Content is null).ToList();
        return faulty.Count == 0
            ? new($"{what} can be read", true,
                $"{entries.Count}{(entries.Count == 0 ? "" : $", {entries.Min(e => e.Sequence)} to {entries.Max(e => e.Sequence)}")}")
            : new($"{what} can be read", false, $"{faulty.Count} of {entries.Count} can't: {faulty[0].Sequence}: {faulty[0].Fault}");
    }

    /// <summary>Checks that no event is missing after the newest snapshot, where recovery begins.</summary>
    private static Finding Gaps(List<JournalEntry> snapshots, List<JournalEntry> events)
    {
        var last = snapshots.Count == 0 ? 0 : snapshots[0].Sequence;
        foreach (var e in events.Where(e => e.Sequence > last))
        {
            if (e.Sequence != last + 1)
                return new("none is missing", false, $"{e.Sequence} comes after {last}");
            last = e.Sequence;
        }

        return new("none is missing", true, snapshots.Count == 0 ? $"from 1 to {last}"
            : $"after the snapshot at {snapshots[0].Sequence}, to {last}");
    }

    private static Finding Folds(List<JournalEntry> snapshots, List<JournalEntry> events, HostState empty, Clocks now)
    {
        var (state, sequence) = (empty, 0L);
        try
        {
            if (snapshots.Count > 0 && snapshots[0].Content is HostSnapshot snapshot)
                (state, sequence) = (snapshot.Events.Aggregate(empty, (s, e) => s.Apply(e, now)), snapshots[0].Sequence);
            foreach (var entry in events.Where(e => e.Sequence > sequence))
            {
                sequence = entry.Sequence;
                if (entry.Content is IHostEvent e)
                    state = state.Apply(e, now);
            }
        }
        catch (Exception fault) when (fault is KeyNotFoundException or ArgumentException or InvalidOperationException or OverflowException)
        {
            return new("they follow from each other", false, $"{sequence}: {fault.Message}");
        }

        return new(
            "they follow from each other", true,
            $"{state.Vms.Count} VMs with claims of {state.Ledger.Claimed}, {state.Admissions.Count} being created");
    }
}
