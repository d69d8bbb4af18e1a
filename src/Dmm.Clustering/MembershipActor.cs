using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;
using Dmm.Clustering.Serialization;
using Dmm.Core;
using Dmm.Core.Clusters;

namespace Dmm.Clustering;

/// <summary>
/// Follows the cluster for its node: makes the picture, asks nodes that it should share a cluster with which one they are in, and ends
/// this life when another node has its name, when it is in the smaller of two clusters, or when others went on without it.
/// </summary>
internal sealed class MembershipActor : ReceiveActor, IWithTimers
{
    public const string Name = "node";

    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan HelloPeriod = TimeSpan.FromSeconds(3);

    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly NodeName _node;
    private readonly LifeHooks _hooks;
    private ClusterPicture _picture;

    public MembershipActor(NodeName node, LifeHooks hooks)
    {
        (_node, _hooks) = (node, hooks);
        _picture = ClusterPicture.Alone(node, _cluster.SelfAddress.ToString());
        // Akka tells of one change in several events; what it knows as a whole is asked for, so that no picture has half of a change.
        Receive<Look>(_ => _cluster.SendCurrentClusterState(Self));
        Receive<ClusterEvent.IClusterDomainEvent>(_ => _cluster.SendCurrentClusterState(Self));
        Receive<ClusterEvent.CurrentClusterState>(TakeLook);
        Receive<SayHello>(_ => hooks.Others().PipeTo(Self, Self, others => new Found(others), fault => new Found([])));
        Receive<Found>(found => Greet(found.Others));
        Receive<Hello>(hello =>
        {
            Sender.Tell(new HelloAnswer(Islands.SignOf(_picture)));
            Compare(hello.Cluster);
        });
        Receive<HelloAnswer>(answer => Compare(answer.Cluster));
        Receive<ThisActorSystemQuarantinedEvent>(quarantine =>
            _hooks.Ends(LifeEnd.Lost, $"{quarantine.RemoteAddress} takes nothing from this node any more, until it joins anew"));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(NodeName node, LifeHooks hooks) => Akka.Actor.Props.Create(() => new MembershipActor(node, hooks));

    protected override void PreStart()
    {
        _cluster.Subscribe(
            Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.IMemberEvent),
            typeof(ClusterEvent.IReachabilityEvent), typeof(ClusterEvent.LeaderChanged));
        Context.System.EventStream.Subscribe(Self, typeof(ThisActorSystemQuarantinedEvent));
        Timers.StartPeriodicTimer(nameof(Look), new Look(), LookPeriod);
        Timers.StartPeriodicTimer(nameof(SayHello), new SayHello(), HelloPeriod);
    }

    protected override void PostStop()
    {
        _cluster.Unsubscribe(Self);
        Context.System.EventStream.Unsubscribe(Self);
    }

    private void TakeLook(ClusterEvent.CurrentClusterState state)
    {
        var next = Pictures.Of(_cluster, state, _node);
        if (!Pictures.Same(next, _picture))
        {
            _picture = next;
            _hooks.Seen(next);
        }

        if (_picture.OtherBearer() is { } other)
            _hooks.Ends(LifeEnd.NameTaken, $"the name {_node} (dmm.node) belongs to the node at {other.Address}; give one of them another");
        else if (_picture.Own is { State: MemberState.Leaving or MemberState.Exiting })
            Leave(CoordinatedShutdown.Get(Context.System).ShutdownReason);
        else if (_picture.Own is { State: MemberState.Down })
            _hooks.Ends(LifeEnd.Lost, "it was taken out of the cluster");
    }

    /// <summary>
    /// A node also leaves when Akka ends its actor system by itself, as it does after a handshake of TLS that failed on this side (the
    /// other's process died in it, or its certificate is of another authority). That is no operator's order: the node joins again.
    /// </summary>
    private void Leave(CoordinatedShutdown.Reason? reason)
    {
        if (reason is null or CoordinatedShutdown.ClusterLeavingReason)
            _hooks.Ends(LifeEnd.Left, "it was told to leave");
        else
            _hooks.Ends(LifeEnd.Lost, ClusterNode.WhyEnded(reason));
    }

    private void Greet(IReadOnlyList<NodeAddress> others)
    {
        if (Islands.SignOf(_picture) is not { } sign)
            return;
        foreach (var address in others.Select(ClusterHocon.AddressOf).Where(other => _picture.Find(other) is null))
            Context.ActorSelection($"{address}/user/{Name}").Tell(new Hello(sign));
    }

    /// <summary>A seed that started while it was cut off has founded a cluster of its own: one of the two gives way.</summary>
    private void Compare(ClusterSign? other)
    {
        if (other is null || Islands.SignOf(_picture) is not { } own || !Islands.GivesWay(own, other))
            return;
        if (NodeAddress.TryParse(Sender.Path.Address.Host, Sender.Path.Address.Port ?? 0, out var lead))
            _hooks.Leads(lead!);
        _hooks.Ends(
            LifeEnd.Island,
            $"it is in a cluster of {own.Size} nodes, and one of {other.Size} (founded by {Echo.Of(other.Founder)}) is there");
    }

    private sealed record Look;

    private sealed record SayHello;

    private sealed record Found(IReadOnlyList<NodeAddress> Others);
}
