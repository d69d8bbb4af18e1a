namespace Dmm.Core.Clusters;

/// <summary>What operators are told when the cluster changes; kinds as in <see cref="Events.Notice"/>.</summary>
public static class ClusterNotices
{
    /// <summary>Returns what happened between two pictures of one life of a node, in the order of members' addresses.</summary>
    public static IEnumerable<(string Kind, string Text)> Between(ClusterPicture before, ClusterPicture after)
    {
        foreach (var member in after.Members)
        {
            var was = before.Members.FirstOrDefault(old => old.Address == member.Address && old.Uid == member.Uid);
            if (member.State == MemberState.Up && was?.State != MemberState.Up)
                yield return ("nodeUp", $"node {member.Node} is up at {member.Address}");
            if (!member.Reachable && was?.Reachable != false)
                yield return ("nodeUnreachable", $"node {member.Node} is not reached by {string.Join(", ", member.ObservedBy)}");
            if (member.Reachable && was is { Reachable: false })
                yield return ("nodeReachable", $"node {member.Node} is reached again");
            if (member.State == MemberState.Down && was?.State != MemberState.Down)
                yield return ("nodeDowned", $"node {member.Node} at {member.Address} is taken out of the cluster; its VMs run on");
        }

        foreach (var gone in before.Members)
        {
            if (!after.Members.Any(member => member.Address == gone.Address && member.Uid == gone.Uid))
                yield return ("nodeLeft", $"node {gone.Node} at {gone.Address} is no member any more");
        }
    }
}
