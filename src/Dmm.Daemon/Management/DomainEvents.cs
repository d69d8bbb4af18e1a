using Dmm.Core.Clusters;
using Microsoft.Extensions.Primitives;

namespace Dmm.Daemon.Management;

/// <summary>A domain event of the cluster, under the names of the Akka Management HTTP API.</summary>
/// <param name="Type">Such as MemberUp, UnreachableMember or LeaderChanged.</param>
/// <param name="Member">Null where the event is of no member.</param>
internal sealed record DomainEvent(string Type, DomainMember? Member)
{
    /// <summary>For LeaderChanged: the leader's address; null where there is none.</summary>
    public string? Address { get; init; }

    /// <param name="wanted">The types that were asked for; none: all. MemberEvent and ReachabilityEvent are families.</param>
    public bool IsOf(StringValues wanted) => wanted.Count == 0 || wanted.Any(type =>
        type == "ClusterDomainEvent" || type == Type
        || (type == "MemberEvent" && Type.StartsWith("Member", StringComparison.Ordinal))
        || (type == "ReachabilityEvent" && Type is "UnreachableMember" or "ReachableMember"));
}

internal sealed record DomainMember(string Address, string UniqueAddress, string Status, string[] Roles);

/// <summary>Finds what happened between two pictures.</summary>
internal static class DomainEvents
{
    public static IEnumerable<DomainEvent> Between(ClusterPicture before, ClusterPicture after)
    {
        foreach (var member in after.Members)
        {
            var was = before.Members.FirstOrDefault(old => Same(old, member));
            if (was?.State != member.State)
                yield return new(TypeOf(member.State), Of(member));
            if (was?.Reachable != member.Reachable && !(was is null && member.Reachable))
                yield return new(member.Reachable ? "ReachableMember" : "UnreachableMember", Of(member));
        }

        foreach (var gone in before.Members)
        {
            if (!after.Members.Any(member => Same(member, gone)))
                yield return new("MemberRemoved", Of(gone));
        }

        if (before.Leader != after.Leader)
            yield return new("LeaderChanged", null) { Address = after.Leader };
    }

    private static bool Same(ClusterMember a, ClusterMember b) => a.Address == b.Address && a.Uid == b.Uid;

    private static string TypeOf(MemberState state) => state switch
    {
        MemberState.Leaving => "MemberLeft",
        MemberState.Exiting => "MemberExited",
        MemberState.Down => "MemberDowned",
        var other => $"Member{(other == MemberState.Joining ? "Joined" : other.ToString())}",
    };

    private static DomainMember Of(ClusterMember member) =>
        new(member.Address, member.Uid, member.State.ToString(), [member.Role.ToString().ToLowerInvariant()]);
}
