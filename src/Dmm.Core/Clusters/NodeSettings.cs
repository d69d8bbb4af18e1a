using System.Collections.Immutable;

namespace Dmm.Core.Clusters;

/// <summary>What a node does in its cluster.</summary>
public enum NodeRole
{
    /// <summary>It runs VMs.</summary>
    Host,

    /// <summary>It runs none, and serves questions.</summary>
    Observer,
}

/// <summary>Which side of a cut goes on as the cluster; the names are those of the setting <c>dmm.cluster.downing</c>.</summary>
public enum DowningKind
{
    KeepMajority,
    StaticQuorum,
    KeepOldest,
    DownAll,
}

/// <summary>Where the addresses of the first nodes to ask come from.</summary>
public enum DiscoveryKind
{
    /// <summary>From <c>dmm.cluster.seeds</c> alone.</summary>
    Off,

    /// <summary>All addresses of a name.</summary>
    Dns,

    /// <summary>A file with one address on each line.</summary>
    File,
}

/// <summary>The PEM files by which the nodes of a cluster know each other.</summary>
/// <param name="Authority">The certificates of the cluster's own authority: whoever has a certificate of it is a node.</param>
public sealed record ClusterTls(string Certificate, string Key, string Authority);

/// <summary>The settings of a node that has a cluster: the section <c>dmm.cluster</c>.</summary>
/// <param name="Address">Where the other nodes reach this one.</param>
/// <param name="Seeds">The nodes to ask first; in the same order on all nodes, because the first may found the cluster.</param>
public sealed record NodeSettings(NodeName Node, NodeAddress Address, ImmutableArray<NodeAddress> Seeds, ClusterTls Tls)
{
    public NodeRole Role { get; init; }

    public DiscoveryKind Discovery { get; init; }

    /// <summary>The name, with its port, or the path of the file.</summary>
    public string Service { get; init; } = "";

    public DowningKind Downing { get; init; }

    /// <summary>The number of nodes that a side needs under <see cref="DowningKind.StaticQuorum"/>.</summary>
    public int Quorum { get; init; }

    /// <summary>How long the picture of who is unreachable must stand before a side decides.</summary>
    public TimeSpan StableAfter { get; init; } = TimeSpan.FromSeconds(3);

    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest gap between heartbeats that is no sign of a fault.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromMilliseconds(1_500);

    /// <summary>
    /// A node that no other has taken in for this long starts its actor system anew, and with it its connections. Longer than it waits
    /// until it may found a cluster.
    /// </summary>
    public TimeSpan JoinWithin { get; init; } = TimeSpan.FromSeconds(45);
}
