using System.Runtime.Serialization;
using System.Text.Json;
using Dmm.Core.Demand;

namespace Dmm.Actors.Serialization;

/// <summary>
/// The text of what a model has learnt: JSON, so that an operator can read it (docs/operate/journal.md). Unlike the journal's, it carries
/// a version and may be dropped by another release.
/// </summary>
public static class ModelJson
{
    /// <summary>The most bytes of a record. One that this release writes has a tenth of it.</summary>
    public const int Most = 64 << 10;

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        Converters = { new MemorySizeJson(), new VmIdJson() },
    };

    public static byte[] Write(ModelRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, Options);

    /// <exception cref="SerializationException">The text is not a record of this release.</exception>
    public static ModelRecord Read(ReadOnlySpan<byte> text)
    {
        if (text.Length > Most)
            throw new SerializationException($"a record has {text.Length} bytes, more than {Most}");
        try
        {
            var record = JsonSerializer.Deserialize<ModelRecord>(text, Options)
                ?? throw new SerializationException("a record is empty");
            return record.Version == ModelRecord.PresentVersion ? record
                : throw new SerializationException($"a record has version {record.Version}, not {ModelRecord.PresentVersion}");
        }
        catch (Exception fault) when (fault is JsonException or FormatException or InvalidOperationException or ArgumentException
            or OverflowException)
        {
            throw new SerializationException($"a record can't be read: {fault.Message}", fault);
        }
    }
}
