using Dmm.Core.Clusters;

namespace Dmm.Clustering;

/// <summary>Why a life of a node in its cluster ended.</summary>
public enum LifeEnd
{
    /// <summary>The daemon stops.</summary>
    Stopped,

    /// <summary>An operator let it leave: it stays out until it is told to join again.</summary>
    Left,

    /// <summary>The others went on without it (a cut, a stall), or its actor system failed.</summary>
    Lost,

    /// <summary>Another node has its name.</summary>
    NameTaken,

    /// <summary>It was in a smaller cluster that was founded apart, and joins the larger one.</summary>
    Island,

    /// <summary>Its certificate was renewed.</summary>
    Renewed,
}

/// <summary>What a node's membership tells the daemon. All of it may be called by any thread.</summary>
/// <param name="Seen">The picture has changed.</param>
/// <param name="Ends">This life is to end, and why, for people.</param>
/// <param name="Leads">A node of the cluster to join next.</param>
/// <param name="Others">The addresses of nodes to share a cluster with, from seeds and discovery.</param>
internal sealed record LifeHooks(
    Action<ClusterPicture> Seen, Action<LifeEnd, string> Ends, Action<NodeAddress> Leads, Func<Task<IReadOnlyList<NodeAddress>>> Others);
