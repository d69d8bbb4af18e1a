using System.Collections.Immutable;
using System.Runtime.Serialization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Akka.Actor;
using Akka.Serialization;
using Dmm.Actors.Hosts;

namespace Dmm.Actors.Serialization;

/// <summary>
/// The journal as JSON under short stable names, so that an operator can read it with <c>sqlite3</c>. A name, once used, keeps its meaning:
/// a change that old text can't carry gets a new name.
/// </summary>
public sealed class HostEventSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private const string SnapshotManifest = "host-snapshot-1";

    /// <summary>Every event of the host's journal and its name there.</summary>
    public static ImmutableDictionary<string, Type> Manifests { get; } = new Dictionary<string, Type>
    {
        ["vm-requested-1"] = typeof(VmRequested),
        ["launch-begun-1"] = typeof(LaunchBegun),
        ["vm-launched-1"] = typeof(VmLaunched),
        ["admission-ended-1"] = typeof(AdmissionEnded),
        ["vm-adopted-1"] = typeof(VmAdopted),
        ["policy-set-1"] = typeof(PolicySet),
        ["operator-target-set-1"] = typeof(OperatorTargetSet),
        ["promises-changed-1"] = typeof(PromisesChanged),
        ["stop-asked-1"] = typeof(StopAsked),
        ["vm-ended-1"] = typeof(VmEnded),
        ["vm-forgotten-1"] = typeof(VmForgotten),
    }.ToImmutableDictionary();

    private static readonly ImmutableDictionary<Type, string> Names = Manifests.ToImmutableDictionary(m => m.Value, m => m.Key);

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new MemorySizeJson(), new VmIdJson(), new BootMediumJson(), new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Part of the journal's format: never change.</summary>
    public override int Identifier => 4711;

    public override string Manifest(object o) => o is HostSnapshot ? SnapshotManifest : NameOf(o);

    public override byte[] ToBinary(object obj) => obj is HostSnapshot snapshot
        ? JsonSerializer.SerializeToUtf8Bytes(snapshot.Events.Select(e => new Entry(NameOf(e), JsonSerializer.SerializeToElement(e, e.GetType(), Options))), Options)
        : JsonSerializer.SerializeToUtf8Bytes(obj, obj.GetType(), Options);

    public override object FromBinary(byte[] bytes, string manifest)
    {
        if (manifest != SnapshotManifest)
            return Read(manifest, JsonSerializer.Deserialize<JsonElement>(bytes));
        var entries = JsonSerializer.Deserialize<Entry[]>(bytes, Options) ?? throw new SerializationException("a snapshot of the host's journal is empty");
        return new HostSnapshot([.. entries.Select(entry => Read(entry.Event, entry.Data))]);
    }

    private static IHostEvent Read(string manifest, JsonElement json) =>
        Manifests.TryGetValue(manifest, out var type)
            ? (IHostEvent)(json.Deserialize(type, Options) ?? throw new SerializationException($"the journal's event {manifest} is empty"))
            : throw new SerializationException($"the journal holds an event '{manifest}' that this release does not know; it was written by a later one");

    private static string NameOf(object e) =>
        Names.TryGetValue(e.GetType(), out var name) ? name : throw new SerializationException($"{e.GetType()} is not an event of the host's journal");

    private sealed record Entry(string Event, JsonElement Data);
}
