using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using Dmm.Contracts;
using Dmm.Daemon.Clusters;

namespace Dmm.Daemon.Tests.Clusters;

/// <summary>Daemons as processes, each on a host of a network, with the simulated hypervisor and certificates of one authority.</summary>
internal sealed class DaemonCluster : IDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private const int Port = 25520;

    private readonly string _folder = Directory.CreateTempSubdirectory("dmmd-c-").FullName;
    private readonly Dictionary<int, (Process Process, StringBuilder Log)> _running = [];
    private readonly int _hosts;

    public DaemonCluster(int hosts)
    {
        _hosts = hosts;
        Network = new(hosts);
        PkiCommand.Init(Pki, "test", TimeSpan.FromDays(2), TextWriter.Null);
        for (var host = 1; host <= hosts; host++)
        {
            PkiCommand.Issue(
                Pki, NameOf(host), [HostNetwork.AddressOf(host)], TimeSpan.FromDays(1), renew: false, TextWriter.Null);
        }
    }

    public HostNetwork Network { get; }

    public IEnumerable<int> Hosts => Enumerable.Range(1, _hosts);

    private string Pki => Path.Combine(_folder, "pki");

    public static string NameOf(int host) => string.Create(CultureInfo.InvariantCulture, $"n{host}");

    public async Task StartAllAsync()
    {
        foreach (var host in Hosts)
            Start(host);
        await UntilAsync(AllUpAsync, "all nodes are up");
    }

    public void Start(int host)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, NameOf(host))).FullName;
        var conf = Path.Combine(folder, "dmm.conf");
        var seeds = string.Join(", ", Hosts.Select(each => $"\"{HostNetwork.AddressOf(each)}\""));
        File.WriteAllText(conf, $$"""
            dmm {
              hypervisor = simulation, state-dir = "{{folder}}/s", socket = "{{SocketOf(host)}}", node = {{NameOf(host)}}
              host { memory = 1GiB, reserve = 128MiB, cushion = 64MiB, register = "{{folder}}/r" }, simulation.boot-time = 50ms
              cluster {
                seeds = [{{seeds}}], address = "{{HostNetwork.AddressOf(host)}}", port = {{Port}}
                tls {
                  certificate = "{{Pki}}/{{NameOf(host)}}.pem", key = "{{Pki}}/{{NameOf(host)}}.key", authority = "{{Pki}}/ca.pem"
                }
              }
            }
            """);
        string[] words =
        [
            .. Network.On(host), Environment.ProcessPath!, Path.Combine(AppContext.BaseDirectory, "dmmd.dll"), "--config", conf,
        ];
        var process = Process.Start(new ProcessStartInfo(words[0], words[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var log = new StringBuilder();
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _running[host] = (process, log);

        void Keep(string? line)
        {
            lock (log)
                log.AppendLine(line);
        }
    }

    /// <summary>Ends a daemon as a crash does (SIGKILL).</summary>
    public void Kill(int host)
    {
        var (process, _) = _running[host];
        process.Kill();
        process.WaitForExit();
        process.Dispose();
        _running.Remove(host);
    }

    public HttpClient ClientOf(int host) => SocketHttp.Client(SocketOf(host), "http://dmm/api/v1/", TimeSpan.FromSeconds(20));

    public async Task<ClusterView?> ViewOfAsync(int host)
    {
        using var client = ClientOf(host);
        try
        {
            return await client.GetFromJsonAsync<ClusterView>("cluster", ContractJson.Options);
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>Whether each node sees all of them up, and each host has read its journal, too.</summary>
    public async Task<bool> AllUpAsync()
    {
        foreach (var host in Hosts)
        {
            if (await UpAsync(host) != _hosts || !await ReadyAsync(host))
                return false;
        }

        return true;
    }

    private async Task<bool> ReadyAsync(int host)
    {
        using var client = ClientOf(host);
        try
        {
            using var answer = await client.GetAsync("/ready");
            return answer.IsSuccessStatusCode;
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    /// <summary>How many nodes this one sees up and reached.</summary>
    public async Task<int> UpAsync(int host) =>
        (await ViewOfAsync(host))?.Members.Count(member => member is { State: "up", UnreachableFrom.Count: 0 }) ?? 0;

    /// <summary>Creates a VM on a host; true where the host took it.</summary>
    public async Task<bool> CreateAsync(int host, string name)
    {
        using var client = ClientOf(host);
        const long Size = 64L << 20;
        using var answer = await client.PostAsJsonAsync(
            "vms", new CreateVmRequest { Name = name, MinBytes = Size, BootBytes = Size, MaxBytes = 2 * Size }, ContractJson.Options);
        return answer.IsSuccessStatusCode;
    }

    public async Task<IReadOnlyList<string>> VmsOfAsync(int host)
    {
        using var client = ClientOf(host);
        return [.. (await client.GetFromJsonAsync<VmView[]>("vms", ContractJson.Options))!.Select(vm => vm.Id)];
    }

    public async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!await holds())
        {
            if (deadline.IsCancellationRequested)
                Assert.Fail($"after {Deadline}: not '{what}'\n{await StoryAsync()}");
            await Task.Delay(200);
        }
    }

    public void Dispose()
    {
        foreach (var host in _running.Keys.ToList())
            Kill(host);
        Network.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string SocketOf(int host) => Path.Combine(_folder, $"{NameOf(host)}.sock");

    private async Task<string> StoryAsync()
    {
        var story = new StringBuilder();
        foreach (var (host, (_, log)) in _running)
        {
            var view = await ViewOfAsync(host);
            var members = view?.Members.Select(m => $"{m.Node} {m.State} {string.Join('+', m.UnreachableFrom)}") ?? [];
            story.AppendLine(CultureInfo.InvariantCulture, $"{NameOf(host)}: {view?.Trouble} {string.Join(", ", members)}");
            lock (log)
                story.AppendLine(log.ToString());
        }

        return story.ToString();
    }
}
