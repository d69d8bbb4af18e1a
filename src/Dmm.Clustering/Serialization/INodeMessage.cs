using Dmm.Core.Clusters;

namespace Dmm.Clustering.Serialization;

/// <summary>
/// A message from one node to another. Each has a name and a version in <see cref="NodeJson.Manifests"/>; a later release adds members
/// with defaults, or a message under a new name.
/// </summary>
public interface INodeMessage;

/// <summary>Asks a node which cluster it is in; from a node that should share one with it. Answered by <see cref="HelloAnswer"/>.</summary>
/// <param name="Cluster">The asker's own cluster; null where it has none yet.</param>
public sealed record Hello(ClusterSign? Cluster) : INodeMessage;

/// <param name="Cluster">Null where the node has no cluster itself.</param>
public sealed record HelloAnswer(ClusterSign? Cluster) : INodeMessage;
