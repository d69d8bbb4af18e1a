using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dmm.Benchmarks.Figures;

/// <summary>Writes the figures of every part.</summary>
internal static class ReportFile
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <returns>The path of the file.</returns>
    public static string Write<T>(string folder, string name, T report)
    {
        Directory.CreateDirectory(folder);
        var file = Path.Combine(folder, name);
        File.WriteAllText(file, JsonSerializer.Serialize(report, Options) + "\n");
        return file;
    }
}
