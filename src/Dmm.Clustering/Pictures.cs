using System.Collections.Immutable;
using System.Globalization;
using Akka.Cluster;
using Dmm.Core;
using Dmm.Core.Clusters;

namespace Dmm.Clustering;

/// <summary>Makes DMM's picture of the cluster from Akka's.</summary>
internal static class Pictures
{
    public static ClusterPicture Of(Cluster cluster, ClusterEvent.CurrentClusterState state, NodeName self)
    {
        var observers = Observers.Of(cluster);
        var up = state.Members.Where(member => member.Status is not (MemberStatus.Joining or MemberStatus.WeaklyUp))
            .OrderBy(member => member, Comparer<Member>.Create((a, b) => a.Equals(b) ? 0 : a.IsOlderThan(b) ? -1 : 1)).ToList();
        return new(
            self,
            cluster.SelfAddress.ToString(),
            [
                .. state.Members.Select(member => new ClusterMember(
                        NameOf(member),
                        member.HasRole(nameof(NodeRole.Observer).ToLowerInvariant()) ? NodeRole.Observer : NodeRole.Host,
                        member.Address.ToString(),
                        member.UniqueAddress.Uid.ToString(CultureInfo.InvariantCulture),
                        StateOf(member.Status),
                        up.IndexOf(member) is >= 0 and var age ? age : int.MaxValue)
                    {
                        ObservedBy = observers.GetValueOrDefault(Observers.Key(member.UniqueAddress), []),
                        Version = member.AppVersion.ToString(),
                    })
                    .OrderBy(member => member.Address, StringComparer.Ordinal),
            ],
            state.Leader?.ToString());
    }

    public static bool Same(ClusterPicture a, ClusterPicture b) =>
        a.Leader == b.Leader && a.Members.Length == b.Members.Length
        && a.Members.Zip(b.Members).All(pair => pair.First with { ObservedBy = [] } == pair.Second with { ObservedBy = [] }
            && pair.First.ObservedBy.SequenceEqual(pair.Second.ObservedBy));

    /// <summary>A member without a name that DMM gives (another program with a certificate) is named by its address.</summary>
    private static NodeName NameOf(Member member) =>
        member.Roles.FirstOrDefault(role => role.StartsWith(ClusterHocon.NamePrefix, StringComparison.Ordinal)) is { } role
            && NodeName.TryParse(role[ClusterHocon.NamePrefix.Length..], out var name) ? name
        : NodeName.TryParse($"{member.Address.Host}-{member.Address.Port}", out var unnamed) ? unnamed
        : NodeName.Parse("unnamed");

    private static MemberState StateOf(MemberStatus status) => status switch
    {
        MemberStatus.Joining => MemberState.Joining,
        MemberStatus.WeaklyUp => MemberState.WeaklyUp,
        MemberStatus.Up => MemberState.Up,
        MemberStatus.Leaving => MemberState.Leaving,
        MemberStatus.Exiting => MemberState.Exiting,
        _ => MemberState.Down,
    };
}
