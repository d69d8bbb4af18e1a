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
            return Error(fault.Status, fault.Message, "invalid");
        }
        catch (BadHttpRequestException fault)
        {
            return Of(fault);
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

    /// <summary>The web server could not read the request.</summary>
    public static IResult Of(BadHttpRequestException fault) => fault.StatusCode == StatusCodes.Status413PayloadTooLarge
        ? TooLarge()
        : Error(fault.StatusCode, $"the request can't be read: {fault.Message.TrimEnd('.')}", "invalid");

    public static IResult TooLarge() => Error(
        StatusCodes.Status413PayloadTooLarge, $"the body is larger than {Bodies.MaxBytes >> 20} MiB; no request needs that much",
        "invalid");
}
