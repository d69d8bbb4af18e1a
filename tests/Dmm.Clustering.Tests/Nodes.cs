using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Dmm.Core;
using Dmm.Core.Clusters;
using Dmm.Tests;
using Microsoft.Extensions.Logging;

namespace Dmm.Clustering.Tests;

/// <summary>Nodes of one cluster in this process, each at a loopback port of its own, with certificates of one authority.</summary>
internal sealed class Nodes : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly TemporaryFolder _folder = new();
    private readonly ConcurrentDictionary<string, ConcurrentQueue<string>> _said = new();
    private readonly List<ClusterNode> _nodes = [];
    private readonly NodeLogs _logs = new();

    public PemPair Authority { get; } = ClusterAuthority.Create("test", TimeSpan.FromDays(1), DateTimeOffset.UtcNow);

    public string Folder => _folder.Path;

    public static NodeAddress FreePlace()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return new("127.0.0.1", ((IPEndPoint)socket.LocalEndPoint!).Port);
    }

    public IEnumerable<string> SaidBy(NodeAddress place) => _said.GetValueOrDefault(place.ToString(), []);

    /// <param name="authority">Whose certificate the node has; null: that of the others.</param>
    public NodeSettings Settings(string name, NodeAddress place, NodeAddress[] seeds, PemPair? authority = null) =>
        new(NodeName.Parse(name), place, [.. seeds], Files(name, place, authority)) { StableAfter = TimeSpan.FromSeconds(2) };

    public ClusterTls Files(string name, NodeAddress place, PemPair? authority = null)
    {
        var pair = ClusterAuthority.Issue(
            authority ?? Authority, NodeName.Parse(name), ["127.0.0.1"], TimeSpan.FromHours(1), DateTimeOffset.UtcNow);
        var key = _folder.Write($"{place.Port}.key", pair.Key);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new(
            _folder.Write($"{place.Port}.pem", pair.Certificate), key,
            _folder.Write($"{place.Port}.ca", (authority ?? Authority).Certificate));
    }

    public ClusterNode Start(NodeSettings settings)
    {
        var said = _said.GetOrAdd(settings.Address.ToString(), _ => new());
        var node = new ClusterNode(settings, "0.1.0", (kind, text) => said.Enqueue($"{kind}: {text}"), _logs.Of(settings.Address));
        _nodes.Add(node);
        node.Start();
        return node;
    }

    /// <summary>Starts nodes that have each other, and waits until each sees all of them up.</summary>
    public async Task<IReadOnlyList<ClusterNode>> FormAsync(params string[] names)
    {
        var places = names.Select(_ => FreePlace()).ToArray();
        var nodes = names.Zip(places, (name, place) => Start(Settings(name, place, places))).ToList();
        await Until(() => nodes.All(node => Ups(node) == names.Length), "all are up");
        return nodes;
    }

    public static int Ups(ClusterNode node) =>
        node.Picture.Members.Count(member => member is { State: MemberState.Up, Reachable: true });

    public async Task Until(Func<bool> holds, string what)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (!holds())
        {
            if (deadline.IsCancellationRequested)
            {
                Assert.Fail(
                    $"after {Patience}: not '{what}'\n" + string.Join('\n', _nodes.Select(node =>
                        $"{node.Settings.Node}: {node.Picture.Trouble} "
                        + string.Join(", ", node.Picture.Members.Select(m => $"{m.Node} {m.State} {string.Join('+', m.ObservedBy)}"))))
                    + "\n" + string.Join('\n', _said.SelectMany(s => s.Value.Select(line => $"{s.Key} {line}")))
                    + "\n" + _logs.Text());
            }

            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_nodes.Select(node => node.DisposeAsync().AsTask()));
        _folder.Dispose();
    }
}

/// <summary>The last lines of Akka's own logs, for the story of a test that fails.</summary>
internal sealed class NodeLogs
{
    private const int Most = 3000;

    private readonly ConcurrentQueue<string> _lines = new();

    public ILoggerFactory Of(NodeAddress place) => LoggerFactory.Create(logging => logging
        .SetMinimumLevel(LogLevel.Debug).AddProvider(new Keeper(line => Keep($"{place} {line}"))));

    public string Text() => string.Join('\n', _lines);

    private void Keep(string line)
    {
        _lines.Enqueue(line);
        if (_lines.Count > Most)
            _lines.TryDequeue(out _);
    }

    private sealed class Keeper(Action<string> keep) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            keep($"{DateTime.UtcNow:HH:mm:ss.fff} {logLevel} {formatter(state, exception)} {exception?.Message}");

        public void Dispose()
        {
        }
    }
}
