using Akka.Actor;
using Dmm.Clustering;
using Dmm.Core;
using Dmm.Core.Clusters;

namespace Dmm.Daemon.Api;

/// <summary>The routes for monitoring: whether the process is alive, whether it can promise memory, and the metrics.</summary>
public static class Probes
{
    public static void MapProbes(this IEndpointRouteBuilder routes, Func<HostGateway> gateway, Func<ClusterNode?> cluster)
    {
        routes.MapGet("/alive", () => Results.Text("alive\n"));
        routes.MapGet("/ready", async (CancellationToken c) =>
            OutOfCluster(cluster()) is { } why ? why : await ReadyAsync(gateway(), c));
        routes
            .MapGet("/metrics", async (HttpContext http, CancellationToken c) =>
                await Metrics.WriteAsync(
                    await gateway().StatusAsync(c), cluster(), http.Response, Clocks.Read(TimeProvider.System), c))
            .AddEndpointFilter(Answers.Guard);
    }

    /// <summary>A node that should be in a cluster is ready when it is a member that is up. Its VMs are managed in any case.</summary>
    private static IResult? OutOfCluster(ClusterNode? node) =>
        node is null || node.Picture.Own is { State: MemberState.Up or MemberState.WeaklyUp } ? null
            : Results.Text($"not up in its cluster: {node.Picture.Trouble ?? "it joins"}\n", statusCode: 503);

    private static async Task<IResult> ReadyAsync(HostGateway gateway, CancellationToken cancellation)
    {
        try
        {
            return await gateway.HealthAsync(cancellation) is { Problem: { } problem } health
                ? Results.Text(health.Writable ? $"ready, but {problem}\n" : problem + "\n", statusCode: health.Writable ? 200 : 503)
                : Results.Text("ready\n");
        }
        catch (UnavailableException fault)
        {
            return Results.Text(fault.Message + "\n", statusCode: 503);
        }
        catch (AskTimeoutException)
        {
            return Results.Text("the actors' supervisor does not answer\n", statusCode: 503);
        }
    }
}
