using System.Runtime.InteropServices;
using System.Text.Json;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Qmp;

/// <summary>Reads QEMU's answers. If a member is missing or of another kind, the exception names it and quotes the answer.</summary>
internal static class QmpJson
{
    /// <exception cref="HypervisorException">There is no such size.</exception>
    public static MemorySize Size(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var bytes) && bytes >= 0
            ? new(bytes)
            : throw Lacks(element, name, "a size in bytes");

    /// <exception cref="HypervisorException">The element is not a list.</exception>
    public static IEnumerable<JsonElement> Items(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array
            ? element.EnumerateArray()
            : throw new HypervisorException($"QEMU's answer is not a list: {Excerpt(element)}");

    /// <exception cref="HypervisorException">There is no such object.</exception>
    public static JsonElement Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? value
            : throw Lacks(element, name, "an object");

    /// <exception cref="HypervisorException">There is no such text.</exception>
    public static string Text(JsonElement element, string name) =>
        TextOrNull(element, name) ?? throw Lacks(element, name, "a text");

    /// <summary>A text that QEMU may leave out.</summary>
    public static string TextOrEmpty(JsonElement element, string name) =>
        TextOrNull(element, name) ?? "";

    /// <summary>
    /// A count, zero or more; null where there is none, for example where a guest has not reported it (QEMU then shows 2^64 − 1).
    /// </summary>
    public static long? CountOrNull(JsonElement element, string name) =>
        MemberOf(element, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) && number >= 0
            ? number
            : null;

    /// <summary>
    /// The member; an undefined element where there is no such member or <paramref name="element"/> is not an object. Reading a value
    /// from an undefined element throws.
    /// </summary>
    public static JsonElement MemberOf(JsonElement element, string name)
    {
        try
        {
            return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : default;
        }
        catch (InvalidOperationException)
        {
            // An event's member, not necessarily this one, has a name that can't be decoded.
            return default;
        }
    }

    private static string? TextOrNull(JsonElement element, string name)
    {
        try
        {
            return MemberOf(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            // Bad UTF-8, or half of a surrogate pair.
            return null;
        }
    }

    private static HypervisorException Lacks(JsonElement element, string name, string what) =>
        new($"QEMU's answer lacks {what} named '{name}': {Excerpt(element)}");

    private static string Excerpt(JsonElement element) =>
        element.ValueKind == JsonValueKind.Undefined ? "nothing" : ForeignText.Clean(JsonMarshal.GetRawUtf8Value(element), 200);
}
