using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Dmm.Contracts;
using Dmm.Daemon.Clusters;
using Dmm.Testbed;

namespace Dmm.Benchmarks.Clusters;

/// <summary>Daemons of one cluster on loopback, each a process with the simulated hypervisor, in a temporary folder.</summary>
internal sealed class BenchCluster : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private readonly string _folder = Directory.CreateTempSubdirectory("dmm-bench-c-").FullName;
    private readonly Dictionary<int, Process> _running = [];
    private readonly List<int> _ports = [];
    private readonly string _program;
    private readonly string _settings;

    /// <param name="settings">Settings of the section dmm.cluster, such as those of the failure detector.</param>
    public BenchCluster(string program, int nodes, string settings)
    {
        (_program, _settings) = (program, settings);
        PkiCommand.Init(Pki, "bench", TimeSpan.FromDays(2), TextWriter.Null);
        for (var node = 0; node < nodes; node++)
        {
            PkiCommand.Issue(Pki, NameOf(node), ["127.0.0.1"], TimeSpan.FromDays(1), renew: false, TextWriter.Null);
            _ports.Add(FreePort());
        }
    }

    public IEnumerable<int> Nodes => Enumerable.Range(0, _ports.Count);

    private string Pki => Path.Combine(_folder, "pki");

    public void Start(int node)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, NameOf(node))).FullName;
        var conf = Path.Combine(folder, "dmm.conf");
        File.WriteAllText(conf, $$"""
            dmm {
              hypervisor = simulation, state-dir = "{{folder}}/s", socket = "{{SocketOf(node)}}", node = {{NameOf(node)}}
              host { memory = 1GiB, reserve = 128MiB, register = "{{folder}}/r" }
              cluster {
                seeds = [{{string.Join(", ", _ports.Select(port => $"\"127.0.0.1:{port}\""))}}]
                address = "127.0.0.1", port = {{_ports[node]}}
                {{_settings}}
                tls {
                  certificate = "{{Pki}}/{{NameOf(node)}}.pem", key = "{{Pki}}/{{NameOf(node)}}.key", authority = "{{Pki}}/ca.pem"
                }
              }
            }
            """);
        _running[node] = Process.Start(new ProcessStartInfo(_program, ["--config", conf])
        {
            Environment = { ["TMPDIR"] = _folder },
            RedirectStandardOutput = true,
        })!;
        _running[node].OutputDataReceived += static (_, _) => { };
        _running[node].BeginOutputReadLine();
    }

    public void Kill(int node)
    {
        _running[node].Kill();
        _running[node].WaitForExit();
        _running[node].Dispose();
        _running.Remove(node);
    }

    /// <returns>Seconds until it holds.</returns>
    /// <exception cref="TestbedException">It did not hold in time.</exception>
    public static async Task<double> UntilAsync(Func<Task<bool>> holds, string what, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        while (!await holds())
        {
            if (clock.Elapsed > Deadline)
                throw new TestbedException($"after {Deadline}: not '{what}'");
            await Task.Delay(50, cancellation);
        }

        return Math.Round(clock.Elapsed.TotalSeconds, 1);
    }

    /// <summary>Whether each of these sees so many members, all of them up and reached.</summary>
    public async Task<bool> SeeUpAsync(IEnumerable<int> nodes, int members, CancellationToken cancellation)
    {
        foreach (var node in nodes)
        {
            var view = await ViewAsync(node, cancellation);
            if (view is null || view.Members.Count != members || !view.Members.All(m => m is { State: "up", UnreachableFrom.Count: 0 }))
                return false;
        }

        return true;
    }

    public async Task<ClusterView?> ViewAsync(int node, CancellationToken cancellation)
    {
        using var client = ClientOf(node);
        try
        {
            return await client.GetFromJsonAsync<ClusterView>("cluster", ContractJson.Options, cancellation);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>How many events of this kind all nodes have told since a time.</summary>
    public async Task<int> CountAsync(string kind, DateTimeOffset since, CancellationToken cancellation)
    {
        var count = 0;
        foreach (var node in _running.Keys)
        {
            using var client = ClientOf(node);
            var at = since.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            var events = await client.GetFromJsonAsync<EventView[]>($"events?since={at}", ContractJson.Options, cancellation);
            count += events!.Count(each => each.Kind == kind && each.At >= since);
        }

        return count;
    }

    public void Dispose()
    {
        foreach (var node in _running.Keys.ToList())
            Kill(node);
        Directory.Delete(_folder, recursive: true);
    }

    private static string NameOf(int node) => string.Create(CultureInfo.InvariantCulture, $"n{node}");

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private string SocketOf(int node) => Path.Combine(_folder, $"{NameOf(node)}.sock");

    private HttpClient ClientOf(int node) => SocketHttp.Client(SocketOf(node), "http://dmm/api/v1/", TimeSpan.FromSeconds(20));
}
