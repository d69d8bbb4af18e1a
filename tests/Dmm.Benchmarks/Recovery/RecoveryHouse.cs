using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Dmm.Actors.Serialization;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Planning;
using Dmm.Core.Vms;
using Dmm.Daemon.Journals;

namespace Dmm.Benchmarks.Recovery;

/// <summary>
/// A state folder as a busy host leaves it: a journal, and the simulated VMs that it knows, in a temporary folder of its own.
/// </summary>
internal sealed class RecoveryHouse : IDisposable
{
    private const int SnapshotEvery = 500;

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    /// <summary>The daemon is asked only once in this many polls: its answers cost it time.</summary>
    private const int PollsPerLook = 10;
    private static readonly MemorySize Overhead = MemorySize.FromMiB(32);
    private static readonly MemorySize Boot = MemorySize.FromMiB(512);

    private readonly string _folder = Directory.CreateTempSubdirectory("dmm-bench-").FullName;

    public RecoveryHouse(int vms, int events)
    {
        Directory.CreateDirectory(Path.Combine(Pristine, "simulation"));
        var state = WriteJournal(vms, events);
        foreach (var (id, vm) in state.Vms)
        {
            // The format is that of the simulated hypervisor: the VM has what the journal promised it.
            var (bytes, ballooned) = (vm.Promise.Granted.Bytes, Math.Max(0, Boot.Bytes - vm.Promise.Granted.Bytes));
            var plugged = Math.Max(0, bytes - Boot.Bytes);
            File.WriteAllText(
                Path.Combine(Pristine, "simulation", $"{id}.json"),
                JsonSerializer.Serialize(
                    new
                    {
                        Base = Boot.Bytes,
                        Plugged = plugged,
                        Ballooned = ballooned,
                        PluggedTarget = plugged,
                        BalloonedTarget = ballooned,
                        Used = bytes / 2,
                    }));
        }

        File.WriteAllText(
            Config,
            $$"""
            dmm {
              hypervisor = simulation, state-dir = "{{State}}", socket = "{{Socket}}"
              host { memory = {{(vms * 2L) + 64}}GiB, reserve = 1GiB, cushion = 1GiB }
            }
            """);
    }

    public int Events { get; private set; }

    public long JournalBytes => new FileInfo(Path.Combine(Pristine, "journal.db")).Length;

    private string Pristine => Path.Combine(_folder, "pristine");

    private string State => Path.Combine(_folder, "state");

    /// <summary>The socket of a daemon that runs.</summary>
    public string Socket => Path.Combine(_folder, "d.sock");

    private string Config => Path.Combine(_folder, "dmm.conf");

    public Task<RecoveryRun> MeasureAsync(string program, CancellationToken cancellation) =>
        RunAsync(program, (_, run, _) => Task.FromResult(run), cancellation);

    /// <summary>
    /// Starts a daemon on a fresh copy of the state. Once every VM has reported, it passes the daemon to <paramref name="then"/>, and
    /// ends it afterwards.
    /// </summary>
    public async Task<T> RunAsync<T>(
        string program, Func<Process, RecoveryRun, CancellationToken, Task<T>> then, CancellationToken cancellation)
    {
        if (Directory.Exists(State))
            Directory.Delete(State, recursive: true);
        Copy(Pristine, State);
        var load = double.Parse((await File.ReadAllTextAsync("/proc/loadavg", cancellation)).Split(' ')[0], CultureInfo.InvariantCulture);
        using var client = SocketHttp.Client(Socket, "http://dmm/", Deadline);
        using var daemon = Process.Start(new ProcessStartInfo(program, ["--config", Config]) { Environment = { ["TMPDIR"] = _folder } })
            ?? throw new InvalidOperationException($"{program} can't be started");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Deadline);
        try
        {
            var started = daemon.StartTime.ToUniversalTime();
            var spent = new List<(double After, double Cpu)>();
            for (var poll = 1; ; poll++)
            {
                await Task.Delay(Poll, deadline.Token);
                daemon.Refresh();
                if (daemon.HasExited)
                    throw new InvalidOperationException($"the daemon has ended with {daemon.ExitCode}");
                spent.Add(((DateTime.UtcNow - started).TotalSeconds, daemon.TotalProcessorTime.TotalSeconds));
                if (poll % PollsPerLook == 0
                    && await LookAsync(client, deadline.Token) is { InControlSeconds: { } control, AllActorsSeconds: { } all })
                {
                    var run = new RecoveryRun(
                        control, all, spent.LastOrDefault(s => s.After <= control).Cpu, Math.Round(spent[^1].Cpu, 3), load);
                    return await then(daemon, run, cancellation);
                }
            }
        }
        finally
        {
            if (!daemon.HasExited)
                daemon.Kill();
            await daemon.WaitForExitAsync(CancellationToken.None);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>
    /// The journal is realistic in number and size: every VM was created, then promises moved a few VMs at a time, as plans do.
    /// </summary>
    private HostState WriteJournal(int vms, int events)
    {
        var random = new Random(1);
        var at = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var state = new HostState(new Ledger(MemorySize.FromGiB((vms * 2L) + 64), MemorySize.FromGiB(1)));
        List<IHostEvent> journal = [];
        for (var i = 0; i < vms; i++)
        {
            var id = VmId.Parse($"vm-{i:0000}");
            var spec = new VmSpec { Id = id, Policy = new(MemorySize.FromMiB(256), MemorySize.FromGiB(8)), Boot = Boot, Cpus = 2 };
            Add(new VmRequested(at, spec, Overhead, at.AddMinutes(1)));
            Add(new LaunchBegun(at, id, Boot + Overhead));
            Add(new VmLaunched(at, id, new(id, "simulation", Boot, "", null, null, null, Owned: true)));
        }

        while (journal.Count < events)
        {
            at = at.AddSeconds(30);
            var changes = Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(vms)).Distinct().Select(i =>
            {
                var size = MemorySize.FromMiB(256 + (16 * random.Next(64)));
                return new PromiseChange(VmId.Parse($"vm-{i:0000}"), size, size, false, Ruling.Demand);
            });
            Add(new PromisesChanged(at, [.. changes]));
        }

        Events = journal.Count;
        using var connection = JournalFile.Open(Path.Combine(Pristine, "journal.db"), Deadline);
        JournalFile.MakeTables(connection);
        JournalFile.Append(connection, journal);
        var snapshotAt = journal.Count / SnapshotEvery * SnapshotEvery;
        var covered = journal.Take(snapshotAt)
            .Aggregate(new HostState(new Ledger(state.Ledger.HostMemory, state.Ledger.HostReserve)),
                (s, e) => s.Apply(e, new(Moment.Origin, at)));
        connection.Run(
            "insert into snapshot (persistence_id, sequence_number, created, snapshot, manifest, serializer_id) values ($stream, "
                + "$sequence, $created, $snapshot, $manifest, $serializer)",
            ("$stream", JournalFile.Stream), ("$sequence", snapshotAt), ("$created", at.UtcTicks),
            ("$snapshot", HostEventJson.Write(new HostSnapshot(covered.Condense(new(Moment.Origin, at))))),
            ("$manifest", HostEventJson.SnapshotManifest), ("$serializer", HostEventSerializer.Id));
        return state;

        void Add(IHostEvent e)
        {
            journal.Add(e);
            state = state.Apply(e, new(Moment.Origin, at));
        }
    }

    private static async Task<HostView?> LookAsync(HttpClient client, CancellationToken cancellation)
    {
        try
        {
            using var response = await client.GetAsync("api/v1/host", cancellation);
            return response.IsSuccessStatusCode ? await response.Content.ReadFromJsonAsync<HostView>(ContractJson.Options, cancellation)
                : null;
        }
        catch (HttpRequestException)
        {
            // The daemon does not listen yet.
            return null;
        }
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (var folder in Directory.EnumerateDirectories(from))
            Copy(folder, Path.Combine(to, Path.GetFileName(folder)));
    }
}
