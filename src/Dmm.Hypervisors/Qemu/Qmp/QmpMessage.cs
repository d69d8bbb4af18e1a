using System.Text.Json;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Qmp;

/// <summary>An asynchronous event. <paramref name="Data"/> is undefined where the event has none.</summary>
public sealed record QmpEvent(string Name, JsonElement Data);

/// <summary>One message of a QMP server. Source: QEMU, docs/interop/qmp-spec.</summary>
public abstract record QmpMessage
{
    private const int ExcerptLength = 80;

    private QmpMessage()
    {
    }

    public sealed record Greeting(string Version) : QmpMessage;

    public sealed record Returned(long Id, JsonElement Value) : QmpMessage;

    /// <param name="Id">The command's id; null where QEMU could not even read the command.</param>
    public sealed record Failed(long? Id, string Class, string Description) : QmpMessage;

    public sealed record Happened(QmpEvent Value) : QmpMessage;

    /// <summary>A message that is not part of the protocol; <paramref name="What"/> describes it.</summary>
    public sealed record Surprise(string What) : QmpMessage;

    public static QmpMessage Parse(byte[] line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var message = Read(document.RootElement.Clone(), line);
            // An event is a hint, and passed over where it can't be read; an answer is read as a whole.
            return message is Returned && !JsonTexts.CanBeRead(line) ? Undecodable(line) : message;
        }
        catch (JsonException)
        {
            return new Surprise($"text that is not JSON: '{Excerpt(line)}'");
        }
        catch (InvalidOperationException)
        {
            // JSON can parse although its texts can't be read: bad UTF-8, and halves of surrogate pairs.
            return Undecodable(line);
        }
    }

    /// <summary>
    /// The name of the event that a line holds, found without keeping the line's values; null where it is another message, or where only
    /// <see cref="Parse"/> can tell what it is.
    /// </summary>
    public static string? EventNameOf(ReadOnlySpan<byte> line)
    {
        try
        {
            var json = new Utf8JsonReader(line);
            string? name = null;
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
                return null;
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                // Throws where Parse finds that it can't be read.
                if (json.ValueIsEscaped)
                    json.GetString();
                if (json.ValueTextEquals("QMP"u8) || json.ValueTextEquals("return"u8) || json.ValueTextEquals("error"u8))
                    return null;
                var named = json.ValueTextEquals("event"u8);
                json.Read();
                if (named)
                    name = json.TokenType == JsonTokenType.String ? json.GetString() : null;
                json.Skip();
            }

            // Something behind the object makes the next read fail.
            return json.Read() ? null : name;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static QmpMessage Read(JsonElement root, byte[] line)
    {
        if (root.ValueKind != JsonValueKind.Object)
            return Unknown(line);
        if (root.TryGetProperty("QMP", out var greeting))
            return new Greeting(VersionOf(greeting));
        if (root.TryGetProperty("return", out var value))
            return IdOf(root) is { } id ? new Returned(id, value) : Unknown(line);
        if (root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
            return new Failed(IdOf(root), TextOf(error, "class") ?? "GenericError", TextOf(error, "desc") ?? "(no description)");
        if (TextOf(root, "event") is { } name)
            return new Happened(new(name, root.TryGetProperty("data", out var data) ? data : default));
        return Unknown(line);
    }

    private static Surprise Undecodable(byte[] line) => new($"JSON with a text that can't be decoded: '{Excerpt(line)}'");

    private static Surprise Unknown(byte[] line) => new($"JSON that is not a QMP message: '{Excerpt(line)}'");

    private static string Excerpt(byte[] line) => ForeignText.Clean(line.AsSpan().TrimEnd((byte)'\r'), ExcerptLength);

    private static long? IdOf(JsonElement root) =>
        root.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.Number && id.TryGetInt64(out var number) ? number : null;

    private static string? TextOf(JsonElement element, string name) =>
        element.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;

    private static string VersionOf(JsonElement greeting)
    {
        if (greeting.ValueKind == JsonValueKind.Object
            && greeting.TryGetProperty("version", out var version) && version.ValueKind == JsonValueKind.Object
            && version.TryGetProperty("qemu", out var qemu) && qemu.ValueKind == JsonValueKind.Object)
        {
            return $"{Part("major")}.{Part("minor")}.{Part("micro")}";

            string Part(string name) => qemu.TryGetProperty(name, out var part) ? ForeignText.Clean(part.ToString(), 8) : "?";
        }

        return "unknown";
    }
}
