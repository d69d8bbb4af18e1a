using System.Collections.Immutable;

namespace Dmm.Core.Clusters;

/// <summary>The state of a member, as Akka.Cluster names it.</summary>
public enum MemberState
{
    Joining,
    WeaklyUp,
    Up,
    Leaving,
    Exiting,
    Down,
}

/// <summary>A member of the cluster, as one node sees it.</summary>
/// <param name="Address">Akka's address, such as <c>akka.ssl.tcp://dmm@node1:25520</c>.</param>
/// <param name="Uid">Tells the lives of a node at one address apart.</param>
/// <param name="Age">Members that came up earlier have lower numbers; the largest number there is where it has never been up.</param>
public sealed record ClusterMember(NodeName Node, NodeRole Role, string Address, string Uid, MemberState State, int Age)
{
    /// <summary>The members that can't reach it, by their addresses; none: all that watch it reach it.</summary>
    public ImmutableArray<string> ObservedBy { get; init; } = [];

    /// <summary>The release that it runs.</summary>
    public string Version { get; init; } = "";

    public bool Reachable => ObservedBy.IsEmpty;

    /// <summary>True for a member that takes part, and is not on its way out.</summary>
    public bool Present => State is MemberState.Joining or MemberState.WeaklyUp or MemberState.Up;

    /// <summary>The order of members of one age is that of their addresses, which all nodes see alike.</summary>
    public bool Precedes(ClusterMember other) =>
        Age != other.Age ? Age < other.Age : string.CompareOrdinal(Address, other.Address) < 0;
}

/// <summary>The cluster as one node sees it.</summary>
/// <param name="Self">This node's address.</param>
/// <param name="Leader">Null while there is none.</param>
public sealed record ClusterPicture(NodeName Node, string Self, ImmutableArray<ClusterMember> Members, string? Leader)
{
    public static ClusterPicture Alone(NodeName node, string self) => new(node, self, [], null);

    /// <summary>The node itself; null until it has been welcomed.</summary>
    public ClusterMember? Own => Find(Self);

    /// <summary>The member that has been up for longest; null where none is up.</summary>
    public ClusterMember? Oldest => OldestOf(Members);

    /// <summary>Why this node has no cluster although it should; null where it has.</summary>
    public string? Trouble { get; init; }

    public ClusterMember? Find(string address) =>
        Members.FirstOrDefault(member => string.Equals(member.Address, address, StringComparison.Ordinal));

    public ClusterMember? Find(NodeName node) =>
        Members.Where(member => member.Node == node).Aggregate((ClusterMember?)null, (first, next) =>
            first is null || next.Precedes(first) ? next : first);

    public ClusterMember? OldestIn(NodeRole role) => OldestOf(Members.Where(member => member.Role == role));

    /// <summary>
    /// Returns the member that has this node's name and had it first; null where there is none. A former life of this node, at the same
    /// address, is no other bearer.
    /// </summary>
    public ClusterMember? OtherBearer() =>
        Own is not { } own ? null : Members.FirstOrDefault(other =>
            other.Node == Node && other.Address != Self && other.Present && other.Precedes(own));

    private static ClusterMember? OldestOf(IEnumerable<ClusterMember> members) =>
        members.Where(member => member.State is MemberState.Up or MemberState.Leaving)
            .Aggregate((ClusterMember?)null, (first, next) => first is null || next.Precedes(first) ? next : first);
}
