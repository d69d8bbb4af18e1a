using System.Text;
using Akka.Actor;
using Akka.Persistence;
using Dmm.Actors.Hosts;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;
using Dmm.Daemon.Hosting;
using Dmm.Daemon.Journals;
using Dmm.Settings;
using Microsoft.Data.Sqlite;

namespace Dmm.Daemon.Tests.Journals;

/// <summary>
/// A journal as a release wrote it: <c>Kept/VERSION/journal.db</c>, and beside it <c>state.txt</c>, the state that it means. The
/// journal of the current version is written by <c>DMM_KEEP_JOURNAL=1 dotnet test tests/Dmm.Daemon.Tests --filter KeptJournals</c>; those
/// of earlier releases never change again.
/// </summary>
internal static class KeptJournal
{
    private static readonly DateTimeOffset At = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    /// <summary>The time at which it is read: after all of its events.</summary>
    public static readonly Clocks Later = new(Moment.Origin + TimeSpan.FromDays(400), At.AddDays(400));

    public static string Version => typeof(HostActor).Assembly.GetName().Version!.ToString(3);

    /// <summary>The folder of the journals in the source tree.</summary>
    public static string Root
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "DMM.sln")))
                folder = folder.Parent;
            return Path.Combine(
                folder?.FullName ?? throw new InvalidOperationException("DMM.sln is in no folder above this program"), "tests",
                "Dmm.Daemon.Tests", "Journals", "Kept");
        }
    }

    /// <summary>A host's history with every kind of event; the snapshot is taken after the first part.</summary>
    public static (IHostEvent[] Before, IHostEvent[] After) Story
    {
        get
        {
            VmSpec web = new()
            {
                Id = VmId.Parse("web"),
                Policy = new(MiB(256), MiB(4096), 500),
                Boot = MiB(512),
                Cpus = 2,
                Medium = new BootMedium.KernelBoot("/boot/vmlinuz", "/boot/initrd", "console=ttyS0"),
                Network = VmNetwork.User,
                Channels = [new("org.example.0", "/run/example.sock")],
            };
            var db = web with
            {
                Id = VmId.Parse("db"),
                BootPolicy = BootPolicy.Early,
                Medium = new BootMedium.DiskBoot("/images/db.qcow2", "qcow2"),
                Network = VmNetwork.None,
                Channels = [],
            };
            var mail = db with { Id = VmId.Parse("mail"), Restart = RestartPolicy.Always, Priority = 5 };
            var cron = db with { Id = VmId.Parse("cron"), Restart = RestartPolicy.OnFailure, BootCheck = BootCheck.None };
            VmHandle handle = new(web.Id, "qemu", MiB(512), "/s/qmp.sock", 4711, 12345, "boot", true)
            {
                OperatorSocket = "/s/operator-qmp.sock",
                AgentSocket = "/s/agent.sock",
                ConsoleSocket = "/s/console.sock",
            };
            VmHandle Other(string name) => new(VmId.Parse(name), "qemu", MiB(1024), $"/run/{name}.sock", 4712, 23456, "boot", false);
            return (
                [
                    new JournalBegun(At, "rebuilt from what the hypervisor says"),
                    new VmRequested(At, web, MiB(90), At.AddSeconds(60)),
                    new MemoryReserved(At.AddSeconds(1), web.Id, MiB(512), MiB(602)),
                    new LaunchBegun(At.AddSeconds(1), web.Id, MiB(602)),
                    new VmLaunched(At.AddSeconds(2), web.Id, handle),
                    new VmBooted(At.AddSeconds(2.5), web.Id),
                    new OverheadMeasured(At.AddSeconds(2.55), web.Id, MiB(112)),
                    new RestartSet(At.AddSeconds(2.6), web.Id, RestartPolicy.OnFailure),
                    new VmAdopted(At.AddSeconds(3), new(MiB(512), MiB(2048)), Other("old"), MiB(1024), MiB(64)),
                    new PolicySet(At.AddSeconds(4), VmId.Parse("old"), new(MiB(600), MiB(3072), 2000)),
                    new PromisesChanged(At.AddSeconds(5), [
                        new(web.Id, MiB(1024), MiB(1024), true, Ruling.Demand) { Was = MiB(512) },
                        new(VmId.Parse("old"), MiB(1024), MiB(768), false, Ruling.GivesSlack) { Was = MiB(1024) }]),
                    new VmRequested(At.AddSeconds(6), db, MiB(90), At.AddSeconds(66)) { Number = 1 },
                    new AdmissionWaits(At.AddSeconds(6), db.Id, WaitCause.PeersCanNot, "its peers use what it lacks"),
                    new AdmissionPlanned(
                        At.AddSeconds(7), db.Id,
                        new(MiB(602), [new(web.Id, MiB(1024), MiB(640), GiveKind.Slack)], TimeSpan.FromSeconds(2.5), false), false),
                    new AdmissionEnded(At.AddSeconds(66), db.Id, AdmissionEnd.Expired, "its peers did not make room before its deadline"),
                    new OperatorTargetSet(At.AddSeconds(67), VmId.Parse("old"), MiB(800)),
                    new VmRested(At.AddSeconds(68), mail, MiB(90), EndCause.Stopped, "the guest shut down", null, 0),
                    new VmRested(
                        At.AddSeconds(69), cron, MiB(90), EndCause.HostRestarted, "the host has restarted", At.AddSeconds(69),
                        2) { ImageNeeds = MiB(100) },
                ],
                [
                    new VmRequested(At.AddSeconds(70), db, MiB(90), At.AddSeconds(130)) { Number = 1, ImageNeeds = MiB(128) },
                    new MemoryReserved(At.AddSeconds(71), db.Id, MiB(256), MiB(346)),
                    new LaunchBegun(At.AddSeconds(71), db.Id, MiB(346)),
                    new VmRequested(
                        At.AddSeconds(71), web with { Id = VmId.Parse("mail"), Priority = 3, BootPolicy = BootPolicy.Full }, MiB(90),
                        At.AddSeconds(131)) { Number = 2 },
                    new AdmissionWaits(At.AddSeconds(71), VmId.Parse("mail"), WaitCause.BehindOthers, "db is before it"),
                    new VmAdopted(At.AddSeconds(72), new(MiB(64), MiB(64)), Other("gone"), MiB(64), MiB(10)),
                    new VmEnded(At.AddSeconds(73), VmId.Parse("gone"), "it was shut down") { Cause = EndCause.PoweredDown },
                    new VmAdopted(At.AddSeconds(74), new(MiB(64), MiB(64)), Other("free"), MiB(64), MiB(10)),
                    new VmForgotten(At.AddSeconds(75), VmId.Parse("free")) { Handle = Other("free"), Held = MiB(80) },
                    new VmAdopted(At.AddSeconds(75), new(MiB(64), MiB(64)), Other("left") with { Pid = 4713 }, MiB(64), MiB(10)),
                    new VmForgotten(At.AddSeconds(75), VmId.Parse("left")) { Handle = Other("left") with { Pid = 4713 }, Held = MiB(74) },
                    new LetGoEnded(At.AddSeconds(76), VmId.Parse("left")),
                    new OperatorTargetSet(At.AddSeconds(76), VmId.Parse("old"), null),
                    new StopAsked(At.AddSeconds(77), web.Id, TimeSpan.FromSeconds(30)),
                    new StopGivenUp(At.AddSeconds(107), web.Id, "its guest did not power down within 30 s"),
                    new StopAsked(At.AddSeconds(108), VmId.Parse("old"), TimeSpan.FromSeconds(30)) { Kill = true },
                    new StopWithdrawn(At.AddSeconds(109), VmId.Parse("old")),
                    new VmRequested(At.AddSeconds(110), cron, MiB(90), At.AddSeconds(710)) { Tries = 2 },
                    new VmIdentified(
                        At.AddSeconds(111), VmId.Parse("old"), Other("old") with { Pid = 4714, PidStart = 34567, Proved = true }),
                    new OverheadMeasured(At.AddSeconds(111.5), VmId.Parse("old"), MiB(80)),
                    new VmMigratedAway(At.AddSeconds(112), web.Id),
                    new VmMigrationUndone(At.AddSeconds(113), web.Id),
                    new VmMigratedAway(At.AddSeconds(114), web.Id),
                    new VmRested(
                        At.AddSeconds(115),
                        web with { Id = VmId.Parse("cold"), Restart = RestartPolicy.Always, BootCheck = BootCheck.Strict }, MiB(90),
                        EndCause.NeverBooted, "nothing was heard of its guest", At.AddSeconds(116), 1) { NeverBooted = true },
                    new PromisesChanged(
                        At.AddSeconds(78),
                        [new(VmId.Parse("old"), MiB(768), MiB(768), false, Ruling.GivesSlack) { Was = MiB(1024), Lease = MiB(64) }]),
                    new HostDrainBegun(At.AddSeconds(120), At.AddSeconds(240), false, false, "boot", [web.Id]),
                    new VmRested(At.AddSeconds(121), Named("back"), MiB(90), EndCause.Drained, "powered down", null, 0) { Drained = true },
                    new HostDrainEnded(At.AddSeconds(122), "an operator takes it back into service"),
                    new HostDrainBegun(At.AddSeconds(123), At.AddSeconds(243), true, true, "boot", [web.Id, VmId.Parse("old")]),
                    new VmRested(At.AddSeconds(124), Named("away"), MiB(90), EndCause.Drained, "powered down", null, 1) { Drained = true },
                    new StopGivenUp(At.AddSeconds(243), VmId.Parse("old"), "its guest did not power down within 120 s"),
                ]);

            VmSpec Named(string name) => cron with { Id = VmId.Parse(name) };
        }
    }

    public static HostState Empty => new(new Ledger(MemorySize.FromGiB(8), MemorySize.FromGiB(1)));

    /// <summary>Writes the journal in the daemon's way, and the state that it means.</summary>
    public static async Task KeepAsync(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, "journal.db");
        var (before, after) = Story;
        using (JournalStore.Open(path, TimeSpan.FromSeconds(5), TimeProvider.System))
        {
            await WithActorAsync(path, () => new Writer(before, after), "write");
            SqliteConnection.ClearAllPools();
        }

        // The result is one plain file, as small as possible.
        using (var connection = JournalFile.Open(path, TimeSpan.FromSeconds(5)))
            connection.Run("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE; delete from probe; VACUUM");
        await File.WriteAllTextAsync(
            Path.Combine(folder, "state.txt"), Describe(before.Concat(after).Aggregate(Empty, (s, e) => s.Apply(e, Later))));
    }

    /// <summary>Recovers as the host's actor does: through Akka.Persistence.Sql, from the snapshot or from the first event.</summary>
    public static async Task<(HostState State, IReadOnlyList<object> Read)> LoadAsync(string path, bool fromSnapshot)
    {
        var read = (IReadOnlyList<object>)await WithActorAsync(path, () => new Reader(fromSnapshot), "read");
        return (read.SelectMany(o => o is HostSnapshot s ? s.Events.AsEnumerable() : [(IHostEvent)o])
            .Aggregate(Empty, (s, e) => s.Apply(e, Later)), read);
    }

    /// <summary>The state in words that do not depend on the format of events.</summary>
    public static string Describe(HostState state)
    {
        var text = new StringBuilder();
        void Say(string line) => text.Append(line).Append('\n');
        foreach (var (id, vm) in state.Vms)
        {
            var h = vm.Handle;
            Say($"{id}: min {vm.Policy.Min.Bytes} max {vm.Policy.Max.Bytes} shares {vm.Policy.Shares}");
            Say($"  granted {vm.Promise.Granted.Bytes} target {vm.Promise.Target.Bytes} overhead {vm.Overhead.Bytes} operator "
                + $"target {vm.OperatorTarget?.Bytes} stop {vm.Stop} unwanted {vm.Unwanted} booted {Later.WallOf(vm.BootedAt):O} "
                + $"tries {vm.Tries} image needs {vm.ImageNeeds.Bytes}");
            if (!vm.Measured.IsZero)
                Say($"  measured {vm.Measured.Bytes} at {Later.WallOf(vm.MeasuredAt):O} claimed {state.Ledger.Claims[id].Overhead.Bytes}");
            Say($"  {h.Hypervisor} {h.Base.Bytes} {h.Control} {h.Pid} {h.PidStart} {h.BootId} {h.Owned} {h.OperatorSocket} "
                + $"{h.AgentSocket} {h.ConsoleSocket}");
            Say($"  {Describe(vm.Spec)}");
            if (vm.MigratedAway || vm.BootedBefore)
                Say($"  migrated away {vm.MigratedAway}, booted before {vm.BootedBefore}");
        }

        foreach (var (id, a) in state.Admissions)
        {
            Say($"{id}: {a.State} since {Later.WallOf(a.Since):O}, wanted until {Later.WallOf(a.Deadline):O} with "
                + $"overhead {a.Overhead.Bytes}, set aside {a.Reserved?.Bytes}, boot {a.Boot?.Bytes}");
            Say($"  number {a.Number}, image needs {a.ImageNeeds.Bytes}, tries {a.Tries}, waits for {a.Cause}: {a.Why}; "
                + $"gives: {string.Join(" ", a.Plan?.From ?? [])}");
            Say($"  {Describe(a.Spec)}");
        }

        foreach (var (id, vm) in state.Resting)
        {
            Say($"{id}: rests since {Later.WallOf(vm.Since):O}, {vm.Cause}: {vm.Why}; returns {Later.WallOf(vm.ReturnAt):O}, "
                + $"tries {vm.Tries}, overhead {vm.Overhead.Bytes}");
            Say($"  {Describe(vm.Spec)}");
            if (vm.NeverBooted)
                Say($"  never booted");
            if (vm.Drained)
                Say($"  returns when the drain ends");
        }

        if (state.Drain is { } drain)
        {
            Say($"drained since {Later.WallOf(drain.Since):O}, ordered {Later.WallOf(drain.OrderedAt):O}, "
                + $"until {Later.WallOf(drain.Until):O}, kill {drain.Kill}, stay {drain.Stay}, boot {drain.BootId}: "
                + string.Join(", ", state.Vms.Select(vm => $"{vm.Key} {vm.Value.Drain}")));
        }

        foreach (var (id, handle) in state.LetGo)
            Say($"{id}: let go of with {state.Ledger.LetGo[id].Bytes}, {handle.Control} {handle.Pid} {handle.PidStart}");
        Say($"claimed {state.Ledger.Claimed.Bytes} reserved {state.Ledger.Reserved.Bytes} free {state.Ledger.Free.Bytes}");
        return text.ToString();
    }

    private static string Describe(VmSpec? spec) => spec is null
        ? "no spec"
        : $"spec: boot {spec.Boot.Bytes} {spec.BootPolicy} priority {spec.Priority} "
        + $"cpus {spec.Cpus} {spec.Medium} {spec.Network} {string.Join(" ", spec.Channels)} {spec.Restart} {spec.BootCheck}";

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static async Task<object> WithActorAsync<T>(string path, System.Linq.Expressions.Expression<Func<T>> actor, string name)
        where T : ActorBase
    {
        var settings =
            DmmSettings.Parse(
                $$"""dmm { hypervisor = simulation, state-dir = "{{Path.GetDirectoryName(path)}}", journal.path = "{{path}}" }""",
                "test.conf");
        var system = ActorSystem.Create("kept", Akka.Configuration.ConfigurationFactory.ParseString("akka.actor.provider = local")
            .WithFallback(ActorSettings.AkkaOf(settings)));
        try
        {
            return await system.ActorOf(Props.Create(actor), name).Ask<object>("go", TimeSpan.FromSeconds(60)) switch
            {
                Status.Failure failure => throw failure.Cause,
                var answer => answer,
            };
        }
        finally
        {
            await system.Terminate();
            SqliteConnection.ClearAllPools();
        }
    }

    private sealed class Writer : ReceivePersistentActor
    {
        public Writer(IHostEvent[] before, IHostEvent[] after)
        {
            var (state, asker) = (Empty, ActorRefs.NoSender);
            Command<string>(_ =>
            {
                asker = Sender;
                PersistAll(before, e => state = state.Apply(e, Later));
                DeferAsync("snapshot", _ => SaveSnapshot(new HostSnapshot(state.Condense(Later)) { Marks = [new(LastSequenceNr, At)] }));
            });
            Command<SaveSnapshotSuccess>(_ =>
            {
                PersistAll(after, e => state = state.Apply(e, Later));
                DeferAsync("done", _ => asker.Tell("done"));
            });
            Command<SaveSnapshotFailure>(failure => asker.Tell(new Status.Failure(failure.Cause)));
        }

        public override string PersistenceId => JournalFile.Stream;
    }

    private sealed class Reader : ReceivePersistentActor
    {
        private readonly List<object> _read = [];
        private readonly bool _fromSnapshot;

        public Reader(bool fromSnapshot)
        {
            _fromSnapshot = fromSnapshot;
            Recover<SnapshotOffer>(offer => _read.Add(offer.Snapshot));
            Recover<IHostEvent>(_read.Add);
            Command<string>(_ => Sender.Tell(_read));
        }

        public override string PersistenceId => JournalFile.Stream;

        public override Recovery Recovery => _fromSnapshot ? new() : new(SnapshotSelectionCriteria.None);
    }
}
