using System.Collections.Immutable;
using System.Runtime.Serialization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dmm.Core.Hosts;
using Dmm.Core.Journals;

namespace Dmm.Actors.Serialization;

/// <summary>
/// The journal's text: JSON under short stable names, so that an operator can read it with <c>sqlite3</c> (docs/operate/journal.md). A
/// name keeps its meaning once it is used: a change that does not fit old text gets a new name, and text under the old name can still be
/// read.
/// </summary>
public static class HostEventJson
{
    /// <summary>The format in which snapshots are written.</summary>
    public const string SnapshotManifest = "host-snapshot-2";

    /// <summary>An older snapshot format, a list of events without the marks of history; still read.</summary>
    private const string FirstSnapshotManifest = "host-snapshot-1";

    /// <summary>Every event of the host's journal, by its name in the journal.</summary>
    public static ImmutableDictionary<string, Type> Manifests { get; } = new Dictionary<string, Type>
    {
        ["journal-begun-1"] = typeof(JournalBegun),
        ["vm-requested-1"] = typeof(VmRequested),
        ["admission-planned-1"] = typeof(AdmissionPlanned),
        ["admission-waits-1"] = typeof(AdmissionWaits),
        ["memory-reserved-1"] = typeof(MemoryReserved),
        ["launch-begun-1"] = typeof(LaunchBegun),
        ["vm-launched-1"] = typeof(VmLaunched),
        ["vm-booted-1"] = typeof(VmBooted),
        ["overhead-measured-1"] = typeof(OverheadMeasured),
        ["vm-identified-1"] = typeof(VmIdentified),
        ["vm-migrated-away-1"] = typeof(VmMigratedAway),
        ["vm-migration-undone-1"] = typeof(VmMigrationUndone),
        ["admission-ended-1"] = typeof(AdmissionEnded),
        ["vm-adopted-1"] = typeof(VmAdopted),
        ["policy-set-1"] = typeof(PolicySet),
        ["restart-set-1"] = typeof(RestartSet),
        ["operator-target-set-1"] = typeof(OperatorTargetSet),
        ["promises-changed-1"] = typeof(PromisesChanged),
        ["stop-asked-1"] = typeof(StopAsked),
        ["stop-given-up-1"] = typeof(StopGivenUp),
        ["stop-withdrawn-1"] = typeof(StopWithdrawn),
        ["vm-ended-1"] = typeof(VmEnded),
        ["vm-rested-1"] = typeof(VmRested),
        ["vm-forgotten-1"] = typeof(VmForgotten),
        ["let-go-ended-1"] = typeof(LetGoEnded),
        ["host-drain-begun-1"] = typeof(HostDrainBegun),
        ["host-drain-ended-1"] = typeof(HostDrainEnded),
    }.ToImmutableDictionary();

    private static readonly ImmutableDictionary<Type, string> Names = Manifests.ToImmutableDictionary(m => m.Value, m => m.Key);

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters =
        {
            new MemorySizeJson(),
            new VmIdJson(),
            new BootMediumJson(),
            new JsonStringEnumConverter(JsonNamingPolicy.CamelCase),
        },
    };

    public static string NameOf(object o) => o is HostSnapshot ? SnapshotManifest
        : Names.TryGetValue(o.GetType(), out var name) ? name
        : throw new SerializationException($"{o.GetType()} is not an event of the host's journal");

    public static byte[] Write(object o) => o is HostSnapshot snapshot
        ? JsonSerializer.SerializeToUtf8Bytes(
            new SnapshotForm(
                [.. snapshot.Marks],
                [.. snapshot.Events.Select(e => new Entry(NameOf(e), JsonSerializer.SerializeToElement(e, e.GetType(), Options)))]),
            Options)
        : JsonSerializer.SerializeToUtf8Bytes(o, o.GetType(), Options);

    /// <exception cref="SerializationException">The name is unknown, or the text is not what the name promises.</exception>
    public static object Read(ReadOnlySpan<byte> text, string manifest)
    {
        try
        {
            return manifest switch
            {
                SnapshotManifest => ReadSnapshot(JsonSerializer.Deserialize<SnapshotForm>(text, Options)),
                FirstSnapshotManifest => ReadSnapshot(new([], JsonSerializer.Deserialize<Entry[]>(text, Options) ?? [])),
                _ => JsonSerializer.Deserialize(text, TypeOf(manifest), Options)
                ?? throw new SerializationException($"the journal's event {manifest} is empty"),
            };
        }
        catch (Exception fault) when (fault is JsonException or FormatException or InvalidOperationException or ArgumentException)
        {
            throw new SerializationException($"the journal's {manifest} can't be read: {fault.Message}", fault);
        }
    }

    private static HostSnapshot ReadSnapshot(SnapshotForm? form) => form is null
        ? throw new SerializationException("a snapshot of the host's journal is empty")
        : new([.. form.Events.Select(entry => (IHostEvent)(entry.Data.Deserialize(TypeOf(entry.Event), Options)
            ?? throw new SerializationException($"a snapshot's event {entry.Event} is empty")))])
        {
            Marks = [.. form.Marks],
        };

    private static Type TypeOf(string manifest) => Manifests.TryGetValue(manifest, out var type)
        ? type
        : throw new SerializationException(
            $"the journal holds an event '{manifest}' that this release does not know; it was written by a later one");

    private sealed record Entry(string Event, JsonElement Data);

    private sealed record SnapshotForm(HistoryMark[] Marks, Entry[] Events);
}
