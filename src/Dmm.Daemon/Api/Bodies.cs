using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Dmm.Contracts;
using Dmm.Core;
using Dmm.Hocon;

namespace Dmm.Daemon.Api;

/// <summary>
/// Reads the body of a request. A member that the request does not know is refused, never skipped: a mistyped member would leave the
/// request with its default, and <c>{"byts": 1}</c> would withdraw an operator's size. Errors are in the words of JSON.
/// </summary>
public static class Bodies
{
    /// <summary>The most bytes of a body. The largest request, a VM with all of its channels, has a few KiB.</summary>
    public const int MaxBytes = 1 << 20;

    /// <exception cref="SpecException">There is no JSON object, or it is not this request; the message is one line.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest request, CancellationToken cancellation)
        where T : class
    {
        using var document = await ParseAsync(request, cancellation) ?? throw new SpecException(
            $"the body is empty; it must be a JSON object with {Known(ContractJson.Of<T>())}");
        try
        {
            Check(document.RootElement, ContractJson.Of<T>(), "");
            return document.RootElement.Deserialize(ContractJson.Of<T>()) ?? throw new JsonException("it is null");
        }
        catch (JsonException fault)
        {
            throw new SpecException($"the body can't be read: {JsonFaults.InPlainWords(fault)}", fault);
        }
        catch (InvalidOperationException fault)
        {
            throw NoText(fault);
        }
    }

    /// <summary>JSON is parsed byte by byte: a name or text that is none shows only when it is read.</summary>
    private static SpecException NoText(InvalidOperationException fault) =>
        new("the body has a name or text that is no Unicode; it must be UTF-8, without half of a surrogate pair", fault);

    /// <summary>For a request without members: the body may be absent or an empty object.</summary>
    /// <exception cref="SpecException">The body is something else.</exception>
    public static async Task RequireEmptyAsync(HttpRequest request, CancellationToken cancellation)
    {
        using var document = await ParseAsync(request, cancellation);
        if (document is null)
            return;
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new SpecException($"the body is {Shown(document.RootElement)}; this request has no members, so leave the body empty");
        try
        {
            foreach (var member in document.RootElement.EnumerateObject())
            {
                throw new SpecException(
                    $"the body has a member '{Echo.Of(member.Name)}'; this request has no members, so leave the body empty");
            }
        }
        catch (InvalidOperationException fault)
        {
            throw NoText(fault);
        }
    }

    /// <returns>Null where the body is empty.</returns>
    private static async Task<JsonDocument?> ParseAsync(HttpRequest request, CancellationToken cancellation)
    {
        if (!string.IsNullOrEmpty(request.ContentType) && !request.HasJsonContentType())
        {
            throw new SpecException($"the Content-Type is '{Echo.Of(request.ContentType)}'; it must be application/json, or absent")
            {
                Status = StatusCodes.Status415UnsupportedMediaType,
            };
        }

        using var content = new MemoryStream();
        await request.Body.CopyToAsync(content, cancellation);
        if (content.Length == 0)
            return null;
        try
        {
            return JsonDocument.Parse(content.GetBuffer().AsMemory(0, (int)content.Length));
        }
        catch (JsonException fault)
        {
            throw new SpecException($"the body is no JSON: {JsonFaults.InPlainWords(fault)}", fault);
        }
    }

    private static void Check(JsonElement found, JsonTypeInfo expected, string path)
    {
        var at = path.Length == 0 ? "the body" : path;
        if (found.ValueKind != JsonValueKind.Object)
            throw new SpecException($"{at} is {Shown(found)}; it must be a JSON object with {Known(expected)}");
        var given = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var member in found.EnumerateObject())
        {
            if (expected.Properties.FirstOrDefault(p => p.Name.Equals(member.Name, StringComparison.OrdinalIgnoreCase)) is not { } property)
            {
                var way = Nearest.To(member.Name, expected.Properties.Select(p => p.Name)) is { } meant ? $"did you mean {meant}?"
                    : $"there {(expected.Properties.Count == 1 ? "is" : "are")} {Known(expected)}";
                throw new SpecException($"{at} has an unknown member '{Echo.Of(member.Name)}'; {way}");
            }

            if (!given.Add(member.Name))
                throw new SpecException($"{at} has the member {property.Name} more than once");
            CheckMember(member.Value, property, path.Length == 0 ? property.Name : $"{path}.{property.Name}");
        }

        string[] missing = [.. expected.Properties.Where(p => p.IsRequired && !given.Contains(p.Name)).Select(p => p.Name)];
        if (missing.Length > 0)
            throw new SpecException($"{at} lacks {string.Join(", ", missing)}");
    }

    private static void CheckMember(JsonElement found, JsonPropertyInfo property, string path)
    {
        if (found.ValueKind == JsonValueKind.Null && property.IsSetNullable)
            return;
        if (found.ValueKind == JsonValueKind.Array && ElementOf(property.PropertyType) is { } element)
        {
            foreach (var (i, item) in found.EnumerateArray().Index())
                Check(item, ContractJson.Options.GetTypeInfo(element), $"{path}[{i}]");
            return;
        }

        try
        {
            if (found.Deserialize(ContractJson.Options.GetTypeInfo(property.PropertyType)) is not null)
                return;
        }
        catch (Exception fault) when (fault is JsonException or FormatException or InvalidOperationException)
        {
            // Said below.
        }

        throw new SpecException($"{path} is {Shown(found)}; it must be {Right(property.PropertyType)}");
    }

    private static Type? ElementOf(Type list) =>
        list.IsGenericType && list.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? list.GetGenericArguments()[0] : null;

    private static string Right(Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain == typeof(long) ? $"a whole number up to {long.MaxValue}"
            : plain == typeof(int) ? $"a whole number up to {int.MaxValue}"
            : plain == typeof(double) ? "a number"
            : plain == typeof(bool) ? "true or false"
            : plain == typeof(string) ? "a text"
            : plain == typeof(DateTimeOffset) ? "a time such as 2026-01-31T08:00:00Z"
            : ElementOf(plain) is not null ? "a list of objects"
            : "a JSON object";
    }

    private static string Known(JsonTypeInfo type) => string.Join(", ", type.Properties.Select(p => p.Name));

    private static string Shown(JsonElement found) => found.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        _ => Echo.Of(found.GetRawText()),
    };
}
