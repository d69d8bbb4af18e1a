using System.Collections.Immutable;
using System.Runtime.Serialization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dmm.Clustering.Serialization;

/// <summary>The text of the messages between nodes: JSON, bounded, each under a name with its version.</summary>
public static class NodeJson
{
    public static ImmutableDictionary<string, Type> Manifests { get; } = new Dictionary<string, Type>
    {
        ["hello-1"] = typeof(Hello),
        ["hello-answer-1"] = typeof(HelloAnswer),
    }.ToImmutableDictionary();

    private static readonly ImmutableDictionary<Type, string> Names = Manifests.ToImmutableDictionary(m => m.Value, m => m.Key);

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        MaxDepth = 16,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = false,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <exception cref="SerializationException">It is not a message between nodes.</exception>
    public static string NameOf(object message) => Names.TryGetValue(message.GetType(), out var name) ? name
        : throw new SerializationException($"{message.GetType()} is not a message between nodes");

    /// <exception cref="SerializationException">The text would be longer than <see cref="ClusterHocon.LongestMessage"/>.</exception>
    public static byte[] Write(object message)
    {
        var name = NameOf(message);
        var text = JsonSerializer.SerializeToUtf8Bytes(message, message.GetType(), Options);
        return text.Length <= ClusterHocon.LongestMessage ? text
            : throw new SerializationException($"a message {name} has {text.Length} bytes, more than {ClusterHocon.LongestMessage}");
    }

    /// <exception cref="SerializationException">The name is unknown, or the text is not what the name promises.</exception>
    public static object Read(ReadOnlySpan<byte> text, string name)
    {
        if (!Manifests.TryGetValue(name, out var type))
            throw new SerializationException($"a node sent a message '{Core.Echo.Of(name)}', which this release does not know");
        if (text.Length > ClusterHocon.LongestMessage)
            throw new SerializationException($"a message {name} has {text.Length} bytes, more than {ClusterHocon.LongestMessage}");
        try
        {
            return JsonSerializer.Deserialize(text, type, Options) ?? throw new SerializationException($"a message {name} is empty");
        }
        catch (Exception fault) when (fault is JsonException or FormatException or InvalidOperationException or ArgumentException
            or OverflowException or NotSupportedException)
        {
            throw new SerializationException($"a message {name} can't be read: {fault.Message}", fault);
        }
    }
}
