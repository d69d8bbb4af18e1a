namespace Dmm.Contracts;

/// <summary>The cluster as the asked node sees it: <c>GET /api/v1/cluster</c>.</summary>
/// <param name="Node">The asked node.</param>
/// <param name="Address">Where other nodes reach it; null for a node that runs alone.</param>
/// <param name="Trouble">Why it is in no cluster although it should be; null otherwise.</param>
/// <param name="Leader">A node's name; null while there is none.</param>
/// <param name="Oldest">The node that has been up for longest; null where none is up.</param>
public sealed record ClusterView(
    string Node, string? Address, string? Trouble, string? Leader, string? Oldest, IReadOnlyList<MemberView> Members)
{
    /// <summary>When the node's certificate ends; null for a node that runs alone.</summary>
    public DateTimeOffset? CertificateEnds { get; init; }
}

/// <param name="Address">Akka's address.</param>
/// <param name="Role">host or observer.</param>
/// <param name="State">joining, weaklyUp, up, leaving, exiting or down.</param>
/// <param name="UnreachableFrom">The nodes that do not reach it; empty where all do.</param>
public sealed record MemberView(
    string Node, string Address, string Role, string State, IReadOnlyList<string> UnreachableFrom, string Version);

/// <summary>Body of <c>POST /api/v1/cluster/leave</c> and <c>/down</c>.</summary>
public sealed record ClusterNodeRequest(string Node);

/// <summary>What was done, for people.</summary>
public sealed record MessageView(string Message);
