using System.IO.Compression;

namespace Dmm.Lab.Traces;

/// <summary>
/// Writes a trace in the lab's own format, <see cref="TraceFormat.Dmm"/>, compressed with gzip where the name ends in .gz.
/// </summary>
public static class TraceWriter
{
    public const string Heading = "timestamp_s,provisioned_kib,used_kib";

    public static void Write(VmTrace trace, string file)
    {
        using var raw = File.Create(file);
        using Stream stream = file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(raw, CompressionLevel.Optimal) : raw;
        using var writer = new StreamWriter(stream) { NewLine = "\n" };
        writer.WriteLine(Heading);
        for (var k = 0; k < trace.Seconds.Length; k++)
            writer.WriteLine($"{trace.Start + trace.Seconds[k]},{trace.Max.Bytes >> 10},{trace.UsedKib[k]}");
    }
}
