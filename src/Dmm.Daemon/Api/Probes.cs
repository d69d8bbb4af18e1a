using Akka.Actor;
using Dmm.Core;

namespace Dmm.Daemon.Api;

/// <summary>The routes for monitoring: whether the process is alive, whether it can promise memory, and the metrics.</summary>
public static class Probes
{
    public static void MapProbes(this IEndpointRouteBuilder routes, Func<HostGateway> gateway)
    {
        routes.MapGet("/alive", () => Results.Text("alive\n"));
        routes.MapGet("/ready", async (CancellationToken c) => await ReadyAsync(gateway(), c));
        routes
            .MapGet("/metrics", async (HttpContext http, CancellationToken c) =>
                await Metrics.WriteAsync(await gateway().StatusAsync(c), http.Response, Clocks.Read(TimeProvider.System), c))
            .AddEndpointFilter(Answers.Guard);
    }

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
