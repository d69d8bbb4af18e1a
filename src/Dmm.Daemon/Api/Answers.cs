using System.Text.Json;
using Akka.Actor;
using Dmm.Contracts;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;

namespace Dmm.Daemon.Api;

/// <summary>Turns outcomes and exceptions into HTTP answers.</summary>
public static class Answers
{
    public static IResult Of(object outcome) => outcome switch
    {
        HostProtocol.Done done => Json(new DoneView(done.Vm.Name, done.Text, done.Notes)),
        HostProtocol.Refused { Kind: HostProtocol.RefusalKind.NotFound } r => Error(404, r.Why, "notFound"),
        HostProtocol.Refused { Kind: HostProtocol.RefusalKind.Conflict } r => Error(409, r.Why, "conflict"),
        HostProtocol.Refused { Kind: HostProtocol.RefusalKind.Failed } r => Error(502, r.Why, "failed"),
        HostProtocol.Refused { Kind: HostProtocol.RefusalKind.Unavailable } r => Error(503, r.Why, "unavailable"),
        HostProtocol.Refused r => Error(422, r.Why, "refused"),
        _ => Error(500, $"an answer of an unknown kind: {outcome}", "failed"),
    };

    public static IResult Json<T>(T value, int status = 200) => Results.Json(value, ContractJson.Options, statusCode: status);

    public static IResult Error(int status, string error, string kind) => Json(new ErrorView(error, kind), status);

    /// <summary>Turns an exception into one line, never with a stack trace.</summary>
    public static async ValueTask<object?> Guard(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (SpecException fault)
        {
            return Error(400, fault.Message, "invalid");
        }
        catch (HypervisorException fault)
        {
            return Error(422, fault.Message, "refused");
        }
        catch (UnavailableException fault)
        {
            return Error(503, fault.Message, "unavailable");
        }
        catch (AskTimeoutException)
        {
            return Error(
                503, "the host's actor did not answer in time, and may still do what was asked; 'dmm host show' says how its journal is",
                "timeout");
        }
        catch (OperationCanceledException) when (!context.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return Error(503, "the hypervisor did not answer in time", "timeout");
        }
    }

    /// <summary>
    /// Reads a body. The error of a body that can't be read names what is wrong with it, without the parser's line and byte numbers.
    /// </summary>
    public static async Task<T> BodyAsync<T>(HttpRequest request, CancellationToken cancellation)
        where T : class
    {
        try
        {
            return await JsonSerializer.DeserializeAsync<T>(request.Body, ContractJson.Options, cancellation)
                ?? throw new SpecException("the body is null; a JSON object is expected");
        }
        catch (JsonException fault)
        {
            throw new SpecException(
                $"the body can't be read as JSON at {fault.Path ?? "its start"}: {fault.Message.Split(" Path:")[0]}", fault);
        }
    }
}
