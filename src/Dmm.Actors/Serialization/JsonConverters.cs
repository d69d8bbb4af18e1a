using System.Text.Json;
using System.Text.Json.Serialization;
using Dmm.Core;
using Dmm.Core.Vms;

namespace Dmm.Actors.Serialization;

/// <summary>Writes a size as its number of bytes.</summary>
public sealed class MemorySizeJson : JsonConverter<MemorySize>
{
    public override MemorySize Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetInt64());

    public override void Write(Utf8JsonWriter writer, MemorySize value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(value.Bytes);
}

/// <summary>Writes a VM's identity as its name.</summary>
public sealed class VmIdJson : JsonConverter<VmId>
{
    public override VmId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        VmId.Parse(reader.GetString());

    public override void Write(Utf8JsonWriter writer, VmId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Name);
}

/// <summary>Writes a VM's boot medium; its members tell the kinds apart: <c>kernel</c> or <c>disk</c>.</summary>
public sealed class BootMediumJson : JsonConverter<BootMedium>
{
    public override BootMedium Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var form = JsonSerializer.Deserialize<Form>(ref reader, options)!;
        return form.Kernel is { } kernel
            ? new BootMedium.KernelBoot(kernel, form.Initrd, form.Append)
            : new BootMedium.DiskBoot(form.Disk ?? throw new JsonException("a boot medium has neither kernel nor disk"), form.Format
                ?? "raw");
    }

    public override void Write(Utf8JsonWriter writer, BootMedium value, JsonSerializerOptions options) => JsonSerializer.Serialize(
        writer,
        value switch
        {
            BootMedium.KernelBoot k => new Form(k.Kernel, k.Initrd, k.Append, null, null),
            BootMedium.DiskBoot d => new Form(null, null, null, d.Path, d.Format),
            _ => throw new JsonException($"unknown boot medium {value}"),
        },
        options);

    private sealed record Form(string? Kernel, string? Initrd, string? Append, string? Disk, string? Format);
}
