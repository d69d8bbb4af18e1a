using System.Net;
using Dmm.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Dmm.Daemon.Api;

/// <summary>
/// Gives every error its body, <c>{"error", "kind"}</c>, including those that no route answers: an unknown path or method, a request that
/// is too large, or one that must not be answered at all.
/// </summary>
public static class ErrorBodies
{
    /// <summary>The longest address of a request, in characters; longer ones are answered with 414.</summary>
    public const int LongestAddress = 8 << 10;

    /// <summary>
    /// Beyond this many bytes the web server does not read the first line of a request. It then answers 414 by itself, without a body.
    /// </summary>
    public const int LongestFirstLine = 64 << 10;

    public static async Task AnswerAsync(HttpContext http, RequestDelegate next)
    {
        if (Refusal(http) is { } refusal)
        {
            await refusal.ExecuteAsync(http);
            return;
        }

        try
        {
            await next(http);
        }
        catch (BadHttpRequestException fault) when (!http.Response.HasStarted)
        {
            await Answers.Of(fault).ExecuteAsync(http);
            return;
        }

        var response = http.Response;
        if (response is { HasStarted: false, StatusCode: >= 400, ContentType: null, ContentLength: null or 0 })
            await Answers.Error(response.StatusCode, Words(http), KindOf(response.StatusCode)).ExecuteAsync(http);
    }

    /// <summary>True where the request came through the TCP port, not the Unix socket.</summary>
    public static bool IsOverTcp(HttpContext http) =>
        http.Connection.LocalIpAddress is { } address && !address.Equals(IPAddress.None) && http.Connection.LocalPort > 0;

    private static IResult? Refusal(HttpContext http)
    {
        var host = http.Request.Host.Host;
        if (IsOverTcp(http) && !IsOwn(host))
        {
            return Answers.Error(
                StatusCodes.Status403Forbidden,
                $"the Host of this request is '{Echo.Of(host)}'; over TCP, DMM answers only requests to localhost or a loopback address, "
                    + "so that no page of another site can read it through a browser",
                "refused");
        }

        if (http.Features.Get<IHttpRequestFeature>()?.RawTarget is { Length: > LongestAddress } address)
        {
            return Answers.Error(
                StatusCodes.Status414UriTooLong,
                $"the request's address has {address.Length} characters; at most {LongestAddress} are possible", "invalid");
        }

        return http.Request.ContentLength > Bodies.MaxBytes ? Answers.TooLarge() : null;
    }

    private static bool IsOwn(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static string Words(HttpContext http)
    {
        var (method, path) = (Echo.Of(http.Request.Method), Echo.Of(http.Request.Path));
        return http.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound =>
                $"there is no {path} here; all routes begin with /api/v1 or /cluster, besides /alive, /ready and /metrics",
            StatusCodes.Status405MethodNotAllowed => $"{method} is not possible at {path}; possible is {http.Response.Headers.Allow}",
            var status => $"{method} {path} can't be answered ({status})",
        };
    }

    private static string KindOf(int status) => status switch
    {
        StatusCodes.Status404NotFound => "notFound",
        >= 500 => "failed",
        _ => "invalid",
    };
}
