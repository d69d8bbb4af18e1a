using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Dmm.Clustering;
using Dmm.Core;
using Dmm.Core.Clusters;
using Dmm.Daemon.Api;

namespace Dmm.Daemon.Management;

/// <summary>
/// The routes of the Akka Management HTTP API for a cluster
/// (https://doc.akka.io/libraries/akka-management/current/cluster-http-management.html), so that its clients work with DMM. A node
/// that runs alone has no cluster and answers 404.
/// </summary>
public static class ManagementRoutes
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <param name="readOnly">Whether members can only be read: <c>dmm.management.read-only</c>.</param>
    public static void MapManagement(this IEndpointRouteBuilder routes, Func<ClusterNode?> cluster, bool readOnly)
    {
        routes.MapGet("/cluster/members", () => cluster() is { } node ? Json(Members(node.Picture)) : Alone());
        routes.MapGet("/cluster/members/{**address}", (string address) =>
            cluster() is not { } node ? Alone()
            : Find(node.Picture, address) is { } member ? Json(Of(member))
            : NoMember(address));
        routes.MapGet("/bootstrap/seed-nodes", () => cluster() is { } node ? Json(Seeds(node.Picture)) : Alone());
        routes.MapGet("/cluster/shards/{name}", (string name) =>
            Message(404, $"Shard Region {Echo.Of(name)} is not started"));
        routes.MapGet("/cluster/domain-events", (HttpContext http) =>
            cluster() is { } node ? StreamAsync(node, http) : Alone().ExecuteAsync(http));
        routes.MapPost("/cluster/members", async (HttpRequest http) => await ChangeAsync(http, (node, form) =>
            form["address"].ToString() is not { Length: > 0 } address ? Message(400, "the form needs address=")
            // One that is on its way out is a member still, but it does not join.
            : Find(node.Picture, address) is { Present: true } || node.Join() ? Message(200, $"Joining {Echo.Of(address)}")
            : Message(409, "this node joins by its seeds; only one that was told to leave joins by an order")));
        routes.MapPut("/cluster/members/{**address}", async (string address, HttpRequest http) => await ChangeAsync(http, (node, form) =>
            Find(node.Picture, address) is not { } member ? NoMember(address)
            : form["operation"].ToString().ToLowerInvariant() switch
            {
                "down" => Done(node.Down(member), $"Downing {member.Address}"),
                "leave" => Done(node.Leave(member), $"Leaving {member.Address}"),
                _ => Message(400, "the form needs operation=Down or operation=Leave"),
            }));
        routes.MapDelete("/cluster/members/{**address}", async (string address, HttpRequest http) => await ChangeAsync(http, (node, _) =>
            Find(node.Picture, address) is not { } member ? NoMember(address) : Done(node.Leave(member), $"Leaving {member.Address}")));

        async Task<IResult> ChangeAsync(HttpRequest http, Func<ClusterNode, IFormCollection, IResult> change)
        {
            if (readOnly)
                return Message(405, "this node answers only questions; dmm.management.read-only = off lets it change members");
            if (ErrorBodies.IsOverTcp(http.HttpContext))
                return Message(403, "over TCP, DMM answers only questions; make changes through its Unix socket (dmm.socket)");
            return cluster() is { } node
                ? change(node, http.HasFormContentType ? await http.ReadFormAsync(http.HttpContext.RequestAborted) : FormCollection.Empty)
                : Alone();
        }
    }

    private static MembersAnswer Members(ClusterPicture picture) => new(
        picture.Self,
        [.. picture.Members.Select(Of)],
        [
            .. picture.Members.Where(member => !member.Reachable)
                .Select(member => new UnreachableAnswer(member.Address, [.. member.ObservedBy])),
        ],
        picture.Leader,
        picture.Oldest?.Address,
        Enum.GetValues<NodeRole>()
            .Select(role => (Role: role.ToString().ToLowerInvariant(), Oldest: picture.OldestIn(role)?.Address))
            .Where(each => each.Oldest is not null)
            .ToDictionary(each => each.Role, each => each.Oldest!));

    private static MemberAnswer Of(ClusterMember member) => new(
        member.Address, member.Uid, member.State.ToString(),
        [member.Role.ToString().ToLowerInvariant(), $"{ClusterHocon.NamePrefix}{member.Node}", "dc-default"]);

    private static SeedsAnswer Seeds(ClusterPicture picture) => new(
        picture.Self,
        [.. picture.Members.Where(member => member.State is MemberState.Up or MemberState.WeaklyUp)
            .Select(member => new SeedAnswer(member.Address, member.State.ToString()))]);

    /// <param name="address">The whole address, or system@host:port.</param>
    private static ClusterMember? Find(ClusterPicture picture, string address) =>
        picture.Members.FirstOrDefault(member => member.Address == address || member.Address == $"{ClusterHocon.Protocol}://{address}");

    private static async Task StreamAsync(ClusterNode node, HttpContext http)
    {
        var (c, wanted) = (http.RequestAborted, http.Request.Query["type"]);
        var pictures = Channel.CreateBounded<ClusterPicture>(
            new BoundedChannelOptions(16) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        node.Changed += Take;
        try
        {
            var last = ClusterPicture.Alone(node.Settings.Node, node.Picture.Self);
            Take(node.Picture);
            await foreach (var picture in pictures.Reader.ReadAllAsync(c))
            {
                foreach (var change in DomainEvents.Between(last, picture).Where(change => change.IsOf(wanted)))
                    await http.Response.WriteAsync($"event: {change.Type}\ndata: {JsonSerializer.Serialize(change, Options)}\n\n", c);
                await http.Response.Body.FlushAsync(c);
                last = picture;
            }
        }
        catch (OperationCanceledException) when (c.IsCancellationRequested)
        {
            // The reader closed the connection: the normal end of a stream.
        }
        finally
        {
            node.Changed -= Take;
        }

        void Take(ClusterPicture picture) => pictures.Writer.TryWrite(picture);
    }

    private static IResult Done(string? done, string what) =>
        done is null ? Message(503, "this node is out of its cluster") : Message(200, what);

    private static IResult NoMember(string address) => Message(404, $"Member [{Echo.Of(address)}] not found");

    private static IResult Alone() => Message(404, "this node runs alone; dmm.cluster.seeds makes it a member of a cluster");

    private static IResult Message(int status, string message) => Json(new MessageAnswer(message), status);

    private static IResult Json<T>(T value, int status = 200) => Results.Json(value, Options, statusCode: status);

    private sealed record MessageAnswer(string Message);

    private sealed record MemberAnswer(string Node, string NodeUid, string Status, string[] Roles);

    private sealed record UnreachableAnswer(string Node, string[] ObservedBy);

    private sealed record MembersAnswer(
        string SelfNode, MemberAnswer[] Members, UnreachableAnswer[] Unreachable, string? Leader, string? Oldest,
        Dictionary<string, string> OldestPerRole);

    private sealed record SeedAnswer(string Node, string Status);

    private sealed record SeedsAnswer(string SelfNode, SeedAnswer[] SeedNodes);
}
