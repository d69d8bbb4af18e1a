using System.Text.RegularExpressions;
using Dmm.Actors.Serialization;
using Dmm.Daemon.Journals;

namespace Dmm.Daemon.Tests.Journals;

/// <summary>Checks that docs/operate/journal.md is true: its queries run and find something, and its table names every event.</summary>
public sealed partial class JournalDocument
{
    private static string Text => File.ReadAllText(Path.Combine(KeptJournal.Root, "../../../../docs/operate/journal.md"));

    [Fact]
    public void Its_queries_run_on_a_real_journal()
    {
        var queries = Query().Matches(Text).Select(m => m.Groups[1].Value).ToList();
        Assert.True(queries.Count >= 4);
        using var connection = JournalFile.Open(
            Path.Combine(KeptJournal.Root, KeptJournal.Version, "journal.db"), TimeSpan.FromSeconds(5), readOnly: true);
        foreach (var query in queries)
        {
            using var command = connection.CreateCommand();
            command.CommandText = query;
            using var reader = command.ExecuteReader();
            Assert.True(reader.Read(), query);
        }
    }

    [Fact]
    public void Its_table_names_every_event() =>
        Assert.Equal(HostEventJson.Manifests.Keys.Order(), Row().Matches(Text).Select(m => m.Groups[1].Value).Order());

    [GeneratedRegex("```sql\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Query();

    [GeneratedRegex(@"^\| `([a-z-]+-\d+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
