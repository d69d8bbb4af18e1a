namespace Dmm.Core.Clusters;

/// <summary>
/// What a node says of its cluster to a node that it should share one with.
/// </summary>
/// <param name="Founder">The address and uid of its oldest member: two nodes of one cluster name the same one.</param>
/// <param name="Size">The number of its members that take part.</param>
public sealed record ClusterSign(string Founder, int Size);

/// <summary>
/// Finds clusters that were founded apart (a seed that started while it was cut off founds one of its own, and nothing in Akka.Cluster
/// unites two) and decides which of them gives way.
/// </summary>
public static class Islands
{
    /// <returns>Null while this node has no member that is up.</returns>
    public static ClusterSign? SignOf(ClusterPicture picture) =>
        picture.Oldest is { } oldest ? new($"{oldest.Address}#{oldest.Uid}", picture.Members.Count(member => member.Present)) : null;

    /// <summary>
    /// True where this node leaves its own cluster for the other: the smaller one gives way, and of two as large the one whose founder
    /// stands later in the order of texts. Only one of two sides finds that it must, whoever asks first.
    /// </summary>
    public static bool GivesWay(ClusterSign own, ClusterSign other) =>
        own.Founder != other.Founder
        && (own.Size != other.Size ? own.Size < other.Size : string.CompareOrdinal(own.Founder, other.Founder) > 0);
}
