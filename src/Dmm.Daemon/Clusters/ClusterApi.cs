using System.Text.Json;
using Dmm.Clustering;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Core.Clusters;
using Dmm.Daemon.Api;

namespace Dmm.Daemon.Clusters;

/// <summary>The routes <c>/api/v1/cluster</c>: the cluster by the names of its nodes.</summary>
public static class ClusterApi
{
    public static void MapCluster(this RouteGroupBuilder api, Func<ClusterNode?> cluster, NodeName self)
    {
        api.MapGet("/cluster", () => Answers.Json(Of(cluster(), self)));
        api.MapPost("/cluster/leave", async (HttpRequest http, CancellationToken c) =>
            Order(cluster(), await Bodies.ReadAsync<ClusterNodeRequest>(http, c), static (node, member) => node.Leave(member)));
        api.MapPost("/cluster/down", async (HttpRequest http, CancellationToken c) =>
            Order(cluster(), await Bodies.ReadAsync<ClusterNodeRequest>(http, c), static (node, member) => node.Down(member)));
        api.MapPost("/cluster/join", async (HttpRequest http, CancellationToken c) =>
        {
            await Bodies.RequireEmptyAsync(http, c);
            return cluster() is not { } node ? Alone()
                : node.Join() ? Answers.Json(new MessageView($"node {node.Settings.Node} joins"))
                : Answers.Error(409, "this node was not told to leave, so it joins by itself", "conflict");
        });
    }

    private static ClusterView Of(ClusterNode? node, NodeName self)
    {
        if (node?.Picture is not { } picture)
            return new(self.Text, null, null, null, null, []);
        return new(
            picture.Node.Text, picture.Self, picture.Trouble, picture.Leader is { } leader ? NameOf(leader) : null,
            picture.Oldest?.Node.Text,
            [
                .. picture.Members.OrderBy(member => member.Node).Select(member => new MemberView(
                    member.Node.Text, member.Address, member.Role.ToString().ToLowerInvariant(),
                    JsonNamingPolicy.CamelCase.ConvertName(member.State.ToString()), [.. member.ObservedBy.Select(NameOf)],
                    member.Version)),
            ])
        {
            CertificateEnds = node.CertificateEnds,
        };

        string NameOf(string address) => picture.Find(address)?.Node.Text ?? address;
    }

    private static IResult Order(ClusterNode? cluster, ClusterNodeRequest request, Func<ClusterNode, ClusterMember, string?> order)
    {
        if (!NodeName.TryParse(request.Node, out var name))
            throw new SpecException($"'{Echo.Of(request.Node)}' is not a node's name; use {NodeName.Right}");
        if (cluster is not { } node)
            return Alone();
        if (node.Picture.Find(name) is not { } member)
            return Answers.Error(404, $"there is no node {name} in the cluster; 'dmm cluster members' shows all", "notFound");
        return order(node, member) is { } done ? Answers.Json(new MessageView(done))
            : Answers.Error(503, $"this node is out of its cluster: {node.Picture.Trouble}", "unavailable");
    }

    private static IResult Alone() =>
        Answers.Error(409, "this node runs alone; dmm.cluster.seeds and dmm.cluster.tls make it a member of a cluster", "conflict");
}
