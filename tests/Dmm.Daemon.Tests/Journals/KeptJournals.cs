using Akka.Actor;
using Dmm.Actors.Serialization;
using Dmm.Core.Hosts;
using Dmm.Daemon.Hosting;
using Dmm.Daemon.Journals;
using Dmm.Settings;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Tests.Journals;

/// <summary>The journal of each release still loads, and leads to the same state.</summary>
public sealed class KeptJournals : IDisposable
{
    private const string HowToKeep = "DMM_KEEP_JOURNAL=1 dotnet test tests/Dmm.Daemon.Tests --filter KeptJournals";

    private readonly string _folder = Directory.CreateTempSubdirectory("dmm-kept-").FullName;

    public static TheoryData<string> Versions =>
        [.. Directory.GetDirectories(KeptJournal.Root).Select(folder => Path.GetFileName(folder)!).Append(KeptJournal.Version).Distinct()
            .Order()];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_journal_of_that_release_means_what_it_meant(string version)
    {
        var kept = Path.Combine(KeptJournal.Root, version);
        if (version == KeptJournal.Version && Environment.GetEnvironmentVariable("DMM_KEEP_JOURNAL") == "1")
            await KeptJournal.KeepAsync(kept);
        Assert.True(File.Exists(Path.Combine(kept, "journal.db")),
            $"there is no journal of {version} in {kept}; write it with {HowToKeep}");
        var meaning = await File.ReadAllTextAsync(Path.Combine(kept, "state.txt"));
        var copy = Path.Combine(_folder, "journal.db");
        File.Copy(Path.Combine(kept, "journal.db"), copy);

        using (JournalStore.Open(copy, TimeSpan.FromSeconds(5), TimeProvider.System))
        {
            var (state, read) = await KeptJournal.LoadAsync(copy, fromSnapshot: true);
            Assert.IsType<HostSnapshot>(read[0]);
            Assert.Equal(meaning, KeptJournal.Describe(state));
            (state, read) = await KeptJournal.LoadAsync(copy, fromSnapshot: false);
            Assert.DoesNotContain(read, o => o is HostSnapshot);
            Assert.Equal(meaning, KeptJournal.Describe(state));
        }

        Assert.All(JournalCheck.Run(copy, KeptJournal.Empty, KeptJournal.Later),
            finding => Assert.True(finding.Well, $"{finding.Question}: {finding.Answer}"));
    }

    [Fact]
    public void The_journal_of_this_release_holds_every_kind_of_event()
    {
        var path = Path.Combine(KeptJournal.Root, KeptJournal.Version, "journal.db");
        Assert.True(File.Exists(path), $"there is no journal of {KeptJournal.Version}; write it with {HowToKeep}");
        using var connection = JournalFile.Open(path, TimeSpan.FromSeconds(5), readOnly: true);
        var kinds = JournalReader.Events(connection).Concat(JournalReader.Snapshots(connection)).Select(e => e.Manifest).ToHashSet();
        var missing = HostEventJson.Manifests.Keys.Append(HostEventJson.SnapshotManifest).Except(kinds).Order();
        Assert.True(!missing.Any(), $"{path} lacks {string.Join(", ", missing)}: let them happen in KeptJournal.Story, then {HowToKeep}");
    }

    [Fact]
    public async Task The_tables_are_those_that_the_plugin_makes_by_itself()
    {
        var (own, plugins) = (Path.Combine(_folder, "own.db"), Path.Combine(_folder, "plugin.db"));
        using (JournalStore.Open(own, TimeSpan.FromSeconds(5), TimeProvider.System))
        {
        }

        var settings = DmmSettings.Parse(
            $$"""dmm { hypervisor = simulation, state-dir = "{{_folder}}", journal.path = "{{plugins}}" }""", "test.conf");
        var system = ActorSystem.Create("tables", Akka.Configuration.ConfigurationFactory.ParseString("""
            akka.actor.provider = local
            akka.persistence.journal.sql.auto-initialize = true
            akka.persistence.snapshot-store.sql.auto-initialize = true
            """).WithFallback(ActorSettings.AkkaOf(settings)));
        await system.ActorOf(Props.Create(() => new Toucher())).Ask<string>("go", TimeSpan.FromSeconds(60));
        await system.Terminate();
        SqliteConnection.ClearAllPools();
        Assert.Equal(Tables(plugins), Tables(own));
    }

    /// <summary>The name and definition of every table and index except DMM's own, ignoring spaces and quotes.</summary>
    private static List<string> Tables(string path)
    {
        using var connection = JournalFile.Open(path, TimeSpan.FromSeconds(5), readOnly: true);
        using var command = connection.CreateCommand();
        command.CommandText = "select name, sql from sqlite_master where sql is not null and name <> 'probe' order by name";
        using var reader = command.ExecuteReader();
        List<string> tables = [];
        while (reader.Read())
        {
            var made = reader.GetString(1).Replace("if not exists ", "", StringComparison.OrdinalIgnoreCase);
            var words = made.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            tables.Add($"{reader.GetString(0)}: {string.Join(' ', words).ToLowerInvariant()}");
        }

        return tables;
    }

    private sealed class Toucher : Akka.Persistence.ReceivePersistentActor
    {
        public Toucher()
        {
            var asker = ActorRefs.NoSender;
            Command<string>(_ =>
            {
                asker = Sender;
                Persist(KeptJournal.Story.Before[0], _ => SaveSnapshot(new HostSnapshot([])));
            });
            Command<Akka.Persistence.SaveSnapshotSuccess>(_ => asker.Tell("done"));
        }

        public override string PersistenceId => "toucher";
    }
}
