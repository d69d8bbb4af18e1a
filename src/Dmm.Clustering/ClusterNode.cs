using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using Akka.Hosting.Logging;
using Dmm.Core;
using Dmm.Core.Clusters;
using Microsoft.Extensions.Logging;

namespace Dmm.Clustering;

/// <summary>
/// A node's part in its cluster. It has an actor system of its own, beside that of the host: what another node sends can reach no actor
/// that manages a VM, and when the node must join anew (it was cut off, its name was taken, its certificate was renewed) this system alone
/// starts again.
/// </summary>
public sealed class ClusterNode : IAsyncDisposable
{
    /// <summary>Until then a node that was a member asks others alone; afterwards the first seed may found the cluster again.</summary>
    private static readonly TimeSpan FoundAfter = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan JoinPeriod = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LeaveDeadline = TimeSpan.FromSeconds(6);

    private static readonly TimeSpan EndDeadline = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan RenewalPeriod = TimeSpan.FromSeconds(10);

    private static readonly GrowingWait Waits = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));

    private readonly NodeSettings _settings;
    private readonly string _version;
    private readonly Action<string, string> _say;
    private readonly ILoggerFactory _logs;
    private readonly SeedList _seeds;
    private readonly CancellationTokenSource _stop = new();
    private readonly object _gate = new();
    private NodeTls _tls;
    private ClusterPicture _picture;
    private ImmutableHashSet<NodeAddress> _known = [];
    private NodeAddress? _lead;
    private TaskCompletionSource<(LifeEnd, string)>? _life;
    private TaskCompletionSource? _joins;
    private ActorSystem? _system;
    private Task? _run;
    private int _disposed;

    /// <param name="version">The release of this node, such as 1.2.3.</param>
    /// <param name="say">Tells operators: a kind of event, and its text. Called by any thread.</param>
    /// <param name="logs">Where Akka's own lines about the cluster go.</param>
    /// <exception cref="NodeTlsException">A certificate can't be used.</exception>
    public ClusterNode(NodeSettings settings, string version, Action<string, string> say, ILoggerFactory logs)
    {
        (_settings, _version, _say, _logs) = (settings, version, say, logs);
        _tls = NodeTls.Read(settings.Tls);
        _seeds = new(settings);
        _picture = Nowhere("it has not joined yet");
    }

    /// <summary>Raised with each new picture, by any thread.</summary>
    public event Action<ClusterPicture>? Changed;

    /// <summary>The cluster as this node sees it now.</summary>
    public ClusterPicture Picture => Volatile.Read(ref _picture);

    public NodeSettings Settings => _settings;

    /// <summary>When the certificate of this node ends.</summary>
    public DateTimeOffset CertificateEnds => Volatile.Read(ref _tls).Ends;

    public void Start() => _run ??= Task.Run(RunAsync);

    /// <summary>Lets a member leave in good order. Answers at once; the picture tells when it is done.</summary>
    /// <returns>Null where this node has no cluster now.</returns>
    public string? Leave(ClusterMember member) => Order(member, "leaves", static (cluster, address) => cluster.Leave(address));

    /// <summary>Takes a member out of the cluster at once, as it is done with one that is known to be dead.</summary>
    /// <inheritdoc cref="Leave"/>
    public string? Down(ClusterMember member) => Order(member, "is taken out", static (cluster, address) => cluster.Down(address));

    /// <summary>Joins again after an order to leave.</summary>
    /// <returns>False where it did not leave.</returns>
    public bool Join()
    {
        lock (_gate)
            return _joins?.TrySetResult() == true;
    }

    /// <summary>Leaves in good order, or ends after some seconds. May be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
            return;
        await _stop.CancelAsync();
        if (_run is not null)
            await _run;
        _stop.Dispose();
        _tls.Dispose();
    }

    private string? Order(ClusterMember member, string what, Action<Cluster, Address> order)
    {
        if (Volatile.Read(ref _system) is not { } system || system.WhenTerminated.IsCompleted)
            return null;
        order(Cluster.Get(system), Address.Parse(member.Address));
        return $"node {member.Node} {what}";
    }

    private async Task RunAsync()
    {
        var (lost, first, told) = (0, true, "");
        while (!_stop.IsCancellationRequested)
        {
            var (end, why) = await LiveAsync(first);
            first = false;
            if (end == LifeEnd.Stopped || _stop.IsCancellationRequested)
                return;
            // Said once, however often it is tried in vain.
            if (told != why || end is not (LifeEnd.NameTaken or LifeEnd.Lost))
            {
                _say(
                    end == LifeEnd.Left ? "clusterLeft" : end == LifeEnd.NameTaken ? "clusterNameTaken" : "clusterLost",
                    $"this node is out of its cluster: {why}; its VMs are managed as before");
            }

            told = why;
            Publish(Nowhere(why));
            lost = end == LifeEnd.Lost ? lost + 1 : 0;
            if (end == LifeEnd.Left)
                await RejoinOrderAsync();
            else
                await PauseAsync(end switch
                {
                    LifeEnd.NameTaken => TimeSpan.FromSeconds(30),
                    LifeEnd.Lost => Waits.After(Math.Min(lost, 5) - 1),
                    _ => TimeSpan.FromMilliseconds(500),
                });
        }
    }

    /// <summary>One life in the cluster: an actor system from its start to its end.</summary>
    private async Task<(LifeEnd End, string Why)> LiveAsync(bool first)
    {
        var end = new TaskCompletionSource<(LifeEnd, string)>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
            _life = end;
        using var stopping = _stop.Token.Register(() => end.TrySetResult((LifeEnd.Stopped, "the daemon stops")));
        ActorSystem? system = null;
        try
        {
            Renew();
            system = ActorSystem.Create(
                ClusterHocon.System,
                BootstrapSetup.Create().WithConfig(ClusterHocon.Of(_settings, _version))
                    .And(_tls.Setup()).And(new LoggerFactorySetup(_logs)));
            Volatile.Write(ref _system, system);
            var shutdown = CoordinatedShutdown.Get(system);
            _ = system.WhenTerminated.ContinueWith(
                _ => end.TrySetResult((LifeEnd.Lost, WhyEnded(shutdown.ShutdownReason))), TaskScheduler.Default);
            system.ActorOf(
                MembershipActor.Props(
                    _settings.Node,
                    new(
                        picture => Publish(picture, end), (cause, why) => end.TrySetResult((cause, why)),
                        lead => Volatile.Write(ref _lead, lead), OthersAsync)),
                MembershipActor.Name);
            using var living = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var keeping = Task.WhenAll(
                KeepAsync(() => JoinAsync(Cluster.Get(system), first, end, living.Token), end),
                KeepAsync(() => WatchFilesAsync(end, living.Token), end));
            var result = await end.Task;
            await living.CancelAsync();
            await keeping;
            return result;
        }
        catch (Exception fault)
        {
            return (LifeEnd.Lost, InOneLine(fault));
        }
        finally
        {
            lock (_gate)
                _life = null;
            Volatile.Write(ref _system, null);
            if (system is not null)
                await EndAsync(system);
        }
    }

    /// <summary>Says for people why Akka ended the actor system by itself.</summary>
    internal static string WhyEnded(CoordinatedShutdown.Reason? reason) => reason switch
    {
        CoordinatedShutdown.ClusterDowningReason => "the others went on without it",
        null => "its actor system ended",
        _ => $"its actor system ended by itself ({reason.GetType().Name})",
    };

    /// <summary>A part of a life that fails ends that life, and a new one begins: without it the node would wait for ever.</summary>
    private static async Task KeepAsync(Func<Task> part, TaskCompletionSource<(LifeEnd, string)> end)
    {
        try
        {
            await part();
        }
        catch (Exception fault)
        {
            end.TrySetResult((LifeEnd.Lost, InOneLine(fault)));
        }
    }

    private async Task JoinAsync(
        Cluster cluster, bool first, TaskCompletionSource<(LifeEnd, string)> end, CancellationToken living)
    {
        var began = Clocks.MomentOf(TimeProvider.System);
        while (!living.IsCancellationRequested)
        {
            if (Picture.Own is null)
            {
                var waited = Clocks.MomentOf(TimeProvider.System) - began;
                if (waited >= _settings.JoinWithin)
                    end.TrySetResult((LifeEnd.Lost, _seeds.Trouble ?? "no node that it knows has taken it in"));
                var mayFound = first || waited >= FoundAfter;
                var seeds = await _seeds.AllAsync();
                var asked = (mayFound ? seeds : Others(seeds)).Distinct()
                    .Select(seed => Address.Parse(ClusterHocon.AddressOf(seed))).ToList();
                if (_seeds.Trouble is { } trouble && Picture.Trouble != trouble)
                {
                    _say("discoveryFailed", trouble);
                    Publish(Nowhere(trouble));
                }

                if (asked.Count > 0)
                    cluster.JoinSeedNodes(asked);
            }

            await PauseAsync(JoinPeriod, living);
        }
    }

    /// <summary>All nodes that this one knows of, itself left out: who is not among those it asks founds nothing.</summary>
    private IEnumerable<NodeAddress> Others(IReadOnlyList<NodeAddress> seeds) => seeds
        .Concat(Volatile.Read(ref _lead) is { } lead ? [lead] : [])
        .Concat(_known.OrderBy(known => known.ToString(), StringComparer.Ordinal))
        .Where(other => other != _settings.Address);

    /// <summary>A renewed certificate is used from the next life on; one that can't be used is told of, and the old one stays.</summary>
    private async Task WatchFilesAsync(TaskCompletionSource<(LifeEnd, string)> end, CancellationToken living)
    {
        string? told = null;
        while (!living.IsCancellationRequested)
        {
            await PauseAsync(RenewalPeriod, living);
            try
            {
                using var read = NodeTls.Read(_settings.Tls);
                told = null;
                if (read.Thumbprint != _tls.Thumbprint)
                    end.TrySetResult((LifeEnd.Renewed, "its certificate was renewed, and it joins again with the new one"));
            }
            catch (NodeTlsException fault)
            {
                if (told != fault.Message)
                    _say("certificateUnusable", $"{fault.Message}; the one in use stays, until {_tls.Ends:u}");
                told = fault.Message;
            }
        }
    }

    private async Task<IReadOnlyList<NodeAddress>> OthersAsync() =>
        [.. (await _seeds.AllAsync()).Where(seed => seed != _settings.Address)];

    /// <param name="life">
    /// The life that says so; null: the node itself. What a former life says while its actor system still ends is not heard any more.
    /// </param>
    private void Publish(ClusterPicture picture, TaskCompletionSource<(LifeEnd, string)>? life = null)
    {
        ClusterPicture before;
        lock (_gate)
        {
            if (life is not null && _life != life)
                return;
            before = _picture;
            _picture = picture;
            _known = picture.Members.IsEmpty ? _known
                : [
                    .. picture.Members.Select(member => Address.Parse(member.Address))
                        .Select(address => NodeAddress.TryParse(address.Host, address.Port ?? 0, out var node) ? node : null)
                        .OfType<NodeAddress>(),
                ];
        }

        Changed?.Invoke(picture);
        if (!before.Members.IsEmpty && picture.Members.IsEmpty)
            return;
        foreach (var (kind, text) in ClusterNotices.Between(before, picture))
            _say(kind, text);
    }

    /// <summary>Takes what the files have now. Where that can't be used, the one in use stays, and the look at the files tells.</summary>
    private void Renew()
    {
        try
        {
            var (old, next) = (_tls, NodeTls.Read(_settings.Tls));
            Volatile.Write(ref _tls, next);
            old.Dispose();
        }
        catch (NodeTlsException)
        {
            // A node that must join anew can still do so while somebody mends the files.
        }
    }

    private ClusterPicture Nowhere(string why) =>
        ClusterPicture.Alone(_settings.Node, ClusterHocon.AddressOf(_settings.Address)) with { Trouble = why };

    /// <summary>Leaves in good order where it can, and ends in any case.</summary>
    private static async Task EndAsync(ActorSystem system)
    {
        try
        {
            await CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClrExitReason.Instance).WaitAsync(LeaveDeadline);
        }
        catch (Exception fault) when (fault is TimeoutException or AggregateException or TaskCanceledException)
        {
            // Nobody is there to take leave of.
        }

        try
        {
            await system.Terminate().WaitAsync(EndDeadline);
        }
        catch (TimeoutException)
        {
            // Its port is taken anew with the next life, which waits and tries again while it is in use.
        }
    }

    private async Task RejoinOrderAsync()
    {
        var joins = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
            _joins = joins;
        using var stopping = _stop.Token.Register(() => joins.TrySetResult());
        await joins.Task;
        lock (_gate)
            _joins = null;
    }

    private Task PauseAsync(TimeSpan time) => PauseAsync(time, _stop.Token);

    private static async Task PauseAsync(TimeSpan time, CancellationToken until)
    {
        try
        {
            await Task.Delay(time, until);
        }
        catch (OperationCanceledException)
        {
            // It ends.
        }
    }

    private static string InOneLine(Exception fault)
    {
        while (fault.InnerException is { } inner)
            fault = inner;
        return string.Join(' ', fault.Message.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));
    }
}
