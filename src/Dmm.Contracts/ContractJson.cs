using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Dmm.Contracts;

/// <summary>The JSON settings that the daemon and the command share.</summary>
public static class ContractJson
{
    /// <summary>
    /// Works only for the types of the interface. Their serializers are generated at build time, so that a command starts quickly.
    /// </summary>
    public static JsonSerializerOptions Options { get; } = Create(indented: false);

    public static JsonSerializerOptions Indented { get; } = Create(indented: true);

    /// <exception cref="NotSupportedException">It is not one of the interface's types.</exception>
    public static JsonTypeInfo<T> Of<T>() => (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));

    /// <inheritdoc cref="Of"/>
    public static JsonTypeInfo<T> IndentedOf<T>() => (JsonTypeInfo<T>)Indented.GetTypeInfo(typeof(T));

    private static JsonSerializerOptions Create(bool indented) => new(JsonSerializerDefaults.Web)
    {
        WriteIndented = indented,
        DefaultIgnoreCondition = JsonIgnoreCondition.Never,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        // An answer or a request that lacks a member, or has null for one that is never null, is a fault of whoever wrote it.
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = ContractTypes.Default,
    };
}

[JsonSerializable(typeof(HostView))]
[JsonSerializable(typeof(VmView))]
[JsonSerializable(typeof(VmView[]))]
[JsonSerializable(typeof(EventView))]
[JsonSerializable(typeof(EventView[]))]
[JsonSerializable(typeof(IEnumerable<VmView>))]
[JsonSerializable(typeof(IEnumerable<EventView>))]
[JsonSerializable(typeof(ExplanationView))]
[JsonSerializable(typeof(DryRunView))]
[JsonSerializable(typeof(DoneView))]
[JsonSerializable(typeof(ClusterView))]
[JsonSerializable(typeof(ClusterNodeRequest))]
[JsonSerializable(typeof(MessageView))]
[JsonSerializable(typeof(HostDoneView))]
[JsonSerializable(typeof(DrainHostRequest))]
[JsonSerializable(typeof(ErrorView))]
[JsonSerializable(typeof(CreateVmRequest))]
[JsonSerializable(typeof(AdoptVmRequest))]
[JsonSerializable(typeof(SetVmRequest))]
[JsonSerializable(typeof(ResizeVmRequest))]
[JsonSerializable(typeof(StopVmRequest))]
[JsonSerializable(typeof(StartVmRequest))]
internal sealed partial class ContractTypes : JsonSerializerContext;
