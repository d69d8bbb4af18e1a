using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Dmm.Testbed.Tests;

/// <summary>
/// The guest image with another program in place of the agent: a second archive is appended to the first, and its files replace those of
/// the same name. Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
/// </summary>
internal static class ForeignAgent
{
    private const string Name = "bin/dmm-guest-agent";

    /// <param name="script">A script for busybox's shell, in which say LINE writes into the agent's channel.</param>
    /// <returns>The path of the image.</returns>
    public static async Task<string> InAsync(GuestImage image, string path, string script, CancellationToken cancellation)
    {
        var program = $$"""
            #!/bin/busybox sh
            for entry in /sys/class/virtio-ports/*; do
              read -r name < "$entry/name" && [ "$name" = org.dmm.guest.0 ] && port=/dev/${entry##*/}
            done
            exec 3<> "$port"
            say() { printf '%s\n' "$1" >&3; }
            {{script}}
            """.ReplaceLineEndings("\n") + "\n";
        await using var file = File.Create(path);
        await using (var first = File.OpenRead(image.Initrd))
            await first.CopyToAsync(file, cancellation);
        await using var packed = new GZipStream(file, CompressionLevel.Fastest);
        await packed.WriteAsync(Archive(Encoding.ASCII.GetBytes(program)), cancellation);
        return path;
    }

    private static byte[] Archive(byte[] program)
    {
        using var archive = new MemoryStream();
        Add(archive, Name, program);
        Add(archive, "TRAILER!!!", []);
        return archive.ToArray();
    }

    /// <summary>Adds a file in the format newc: a header in hexadecimal, the name and the content, each padded to four bytes.</summary>
    private static void Add(MemoryStream archive, string name, byte[] content)
    {
        int[] fields = [1, 0x81ED, 0, 0, 1, 0, content.Length, 0, 0, 0, 0, name.Length + 1, 0];
        var header = string.Concat(fields.Select(static f => f.ToString("X8", CultureInfo.InvariantCulture)));
        archive.Write(Encoding.ASCII.GetBytes("070701" + header));
        archive.Write(Encoding.ASCII.GetBytes(name + "\0"));
        Fill(archive);
        archive.Write(content);
        Fill(archive);
    }

    private static void Fill(MemoryStream archive)
    {
        while (archive.Length % 4 != 0)
            archive.WriteByte(0);
    }
}
