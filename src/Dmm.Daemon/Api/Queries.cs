using System.Globalization;
using Dmm.Core;

namespace Dmm.Daemon.Api;

/// <summary>The names of the parameters that a route knows. A route without this knows none.</summary>
internal sealed record QueryNames(params string[] Names);

/// <summary>
/// Reads the parameters of a request's address. A parameter that the route does not know is refused: <c>POST /vms?dry-run=true</c> would
/// otherwise create the VM.
/// </summary>
internal static class Queries
{
    private static readonly string[] TimeFormats = ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    /// <summary>The filter that refuses unknown and repeated parameters.</summary>
    public static ValueTask<object?> OnlyKnown(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var known = http.GetEndpoint()?.Metadata.GetMetadata<QueryNames>()?.Names ?? [];
        foreach (var (name, values) in http.Request.Query)
        {
            if (!known.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                throw new SpecException(
                    $"{http.Request.Method} {Echo.Of(http.Request.Path)} has no parameter '{Echo.Of(name)}'; "
                    + (known.Length == 0 ? "it has none" : $"there {(known.Length == 1 ? "is" : "are")} {string.Join(", ", known)}"));
            }

            if (values.Count > 1)
                throw new SpecException($"the parameter {name} is given more than once");
        }

        return next(context);
    }

    /// <returns>Null where it is not given.</returns>
    public static DateTimeOffset? Time(HttpRequest request, string name) =>
        Text(request, name) is not { } text ? null
        : DateTimeOffset.TryParseExact(text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time
        : throw Fault(name, text, "a time such as 2026-01-31T08:00:00Z");

    /// <returns>Null where it is not given; otherwise zero or more.</returns>
    public static long? Whole(HttpRequest request, string name) =>
        Text(request, name) is not { } text ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw Fault(name, text, $"a whole number from 0 to {long.MaxValue}");

    /// <returns>False where it is not given.</returns>
    public static bool Flag(HttpRequest request, string name) => Text(request, name) switch
    {
        null => false,
        var text when bool.TryParse(text, out var flag) => flag,
        var text => throw Fault(name, text, "true or false"),
    };

    private static string? Text(HttpRequest request, string name) =>
        request.Query.TryGetValue(name, out var values) ? values[0] ?? "" : null;

    private static SpecException Fault(string name, string found, string right) =>
        new($"{name} is '{Echo.Of(found)}'; it must be {right}");
}
