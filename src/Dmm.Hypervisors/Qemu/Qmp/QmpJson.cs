using System.Text.Json;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Qmp;

/// <summary>Reads QEMU's answers; a member that is not there or is of another kind is named, with the answer that lacks it.</summary>
internal static class QmpJson
{
    /// <exception cref="HypervisorException">There is no such size.</exception>
    public static MemorySize Size(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var bytes) && bytes >= 0
            ? new(bytes)
            : throw Lacks(element, name, "a size in bytes");

    /// <exception cref="HypervisorException">It is no list.</exception>
    public static IEnumerable<JsonElement> Items(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array
            ? element.EnumerateArray()
            : throw new HypervisorException($"QEMU answered no list: {Excerpt(element)}");

    /// <exception cref="HypervisorException">There is no such object.</exception>
    public static JsonElement Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? value
            : throw Lacks(element, name, "an object");

    /// <exception cref="HypervisorException">There is no such text.</exception>
    public static string Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw Lacks(element, name, "a text");

    /// <summary>A text that QEMU may leave out.</summary>
    public static string TextOrEmpty(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";

    private static HypervisorException Lacks(JsonElement element, string name, string what) =>
        new($"QEMU's answer lacks {what} named '{name}': {Excerpt(element)}");

    private static string Excerpt(JsonElement element) =>
        element.ValueKind == JsonValueKind.Undefined ? "nothing" : ForeignText.Clean(element.GetRawText(), 200);
}
