using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Dmm.Testbed.Tests;

/// <summary>
/// A compressed archive of one file, to be appended to another: the kernel unpacks both, and the later file replaces the earlier. Source:
/// Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
/// </summary>
internal static class CpioArchive
{
    public static byte[] Of(string name, string content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            Write(gzip, name, Encoding.ASCII.GetBytes(content), mode: 0x81ED);
            Write(gzip, "TRAILER!!!", [], mode: 0);
        }

        return packed.ToArray();
    }

    private static void Write(Stream to, string name, byte[] content, int mode)
    {
        int[] fields = [1, mode, 0, 0, 1, 0, content.Length, 0, 0, 0, 0, name.Length + 1, 0];
        var head = "070701" + string.Concat(fields.Select(f => f.ToString("x8", CultureInfo.InvariantCulture))) + name + '\0';
        Padded(to, Encoding.ASCII.GetBytes(head));
        Padded(to, content);
    }

    private static void Padded(Stream to, byte[] bytes)
    {
        to.Write(bytes);
        to.Write(new byte[-bytes.Length & 3]);
    }
}
