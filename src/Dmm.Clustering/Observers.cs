using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Akka.Cluster;

namespace Dmm.Clustering;

/// <summary>
/// Which members can't reach which. Akka's public picture says only who is unreachable, but an operator who looks for a broken cable, and
/// the published management API (<c>observedBy</c>), need to know by whom. Akka keeps it beside that picture, not public.
/// </summary>
internal static class Observers
{
    /// <returns>By the address of the unreachable member, the addresses of those that can't reach it.</returns>
    public static ImmutableDictionary<string, ImmutableArray<string>> Of(Akka.Cluster.Cluster cluster) =>
        Grouped(Reachability(View(cluster))).ToImmutableDictionary(
            each => Key(each.Key),
            each => each.Value.Select(by => by.Address.ToString()).Order(StringComparer.Ordinal).ToImmutableArray());

    public static string Key(UniqueAddress member) => $"{member.Address}#{member.Uid}";

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_ReadView")]
    [return: UnsafeAccessorType("Akka.Cluster.ClusterReadView, Akka.Cluster")]
    private static extern object View(Akka.Cluster.Cluster cluster);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Reachability")]
    [return: UnsafeAccessorType("Akka.Cluster.Reachability, Akka.Cluster")]
    private static extern object Reachability([UnsafeAccessorType("Akka.Cluster.ClusterReadView, Akka.Cluster")] object view);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_ObserversGroupedByUnreachable")]
    private static extern ImmutableDictionary<UniqueAddress, ImmutableHashSet<UniqueAddress>> Grouped(
        [UnsafeAccessorType("Akka.Cluster.Reachability, Akka.Cluster")] object reachability);
}
