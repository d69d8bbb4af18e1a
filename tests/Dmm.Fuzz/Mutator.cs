using System.Globalization;
using System.Text;
using Dmm.Core;

namespace Dmm.Fuzz;

/// <summary>Changes valid inputs: from one wrong bit to what no longer resembles them.</summary>
/// <param name="samples">Valid inputs, to splice with.</param>
/// <param name="tokens">Pieces of the grammar, to insert.</param>
internal sealed class Mutator(IReadOnlyList<byte[]> samples, IReadOnlyList<byte[]> tokens)
{
    /// <summary>The longest input in bytes; most are far shorter.</summary>
    public const int MaxLength = 96 << 10;

    /// <summary>Each is a known difficulty for some reader of text or of numbers.</summary>
    private static readonly byte[][] Oddities =
    [
        [0], [0xFF], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xEF, 0xBB, 0xBF], [0xC0, 0x80],
        [0xF4, 0x90, 0x80, 0x80],
        .. new[]
        {
            "\\ud800", "\\udc00\\ud800", "\\u0000", "\\u00", "\\", "\"", "\"\"\"", "{", "}", "[", "]", ":", ",", "=", "\n", "\r\n", "\r",
            "\t", " ",
            "null", "true", "-0", "0.1", "1e999", "-1", "NaN", "2147483648", "9223372036854775807", "9223372036854775808",
            "-9223372036854775809", "18446744073709551615", "1E400", "\u0085", "\u2028", "\u00a0", "${", "include", "//", "#", "+=",
            "\u001b[2J",
            "%00", "%", "%ff", "..", "/", "?", "&", ";",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly byte[][] Openings =
        [.. new[] { "[", "{", "{\"a\":", "[[", "{\"t\":[", "a{", "\"" }.Select(Encoding.UTF8.GetBytes)];

    public byte[] Mutate(SeededRandom random, byte[] sample)
    {
        if (random.OneIn(12))
            return sample;
        var bytes = new List<byte>(sample);
        for (var left = random.OneIn(3) ? random.Between(2, 8) : 1; left > 0 && bytes.Count <= MaxLength; left--)
            Change(random, bytes);
        return bytes.Count <= MaxLength ? [.. bytes] : [.. bytes[..MaxLength]];
    }

    private void Change(SeededRandom random, List<byte> bytes)
    {
        var at = random.Below(bytes.Count + 1);
        switch (random.Below(13))
        {
            case 0 when bytes.Count > 0:
                at = random.Below(bytes.Count);
                bytes[at] ^= (byte)(1 << random.Below(8));
                break;
            case 1 when bytes.Count > 0:
                bytes[random.Below(bytes.Count)] = (byte)random.Below(256);
                break;
            case 2:
                bytes.RemoveRange(at, random.Below(Math.Min(bytes.Count - at, 40) + 1));
                break;
            case 3:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 4:
                // A key, a section or a line comes twice.
                bytes.InsertRange(random.Below(bytes.Count + 1), bytes.GetRange(at, random.Below(Math.Min(bytes.Count - at, 200) + 1)));
                break;
            case 5:
                Splice(random, bytes, at);
                break;
            case 6 or 7:
                bytes.InsertRange(at, random.Of<byte[]>(Oddities));
                break;
            case 8 or 9 when tokens.Count > 0:
                bytes.InsertRange(at, tokens[random.Below(tokens.Count)]);
                break;
            case 10:
                Renumber(random, bytes, at);
                break;
            case 11:
                bytes.InsertRange(at, Repeated(random, random.Of<byte[]>(Openings), random.OneIn(20) ? 5_000 : 80));
                break;
            default:
                bytes.InsertRange(at, Repeated(random, [(byte)random.Between(1, 255)], random.OneIn(20) ? 70_000 : 300));
                break;
        }
    }

    private void Splice(SeededRandom random, List<byte> bytes, int at)
    {
        var other = samples[random.Below(samples.Count)];
        var from = random.Below(other.Length + 1);
        bytes.RemoveRange(at, bytes.Count - at);
        bytes.AddRange(other[from..]);
    }

    /// <summary>Puts another number in the place of the next one.</summary>
    private static void Renumber(SeededRandom random, List<byte> bytes, int at)
    {
        while (at < bytes.Count && !char.IsAsciiDigit((char)bytes[at]))
            at++;
        var end = at;
        while (end < bytes.Count && char.IsAsciiDigit((char)bytes[end]))
            end++;
        bytes.RemoveRange(at, end - at);
        var number = random.Below(4) switch
        {
            0 => (random.Next() >> random.Below(64)).ToString(CultureInfo.InvariantCulture),
            1 => ((long)random.Next()).ToString(CultureInfo.InvariantCulture),
            2 => (1UL << random.Below(64)).ToString(CultureInfo.InvariantCulture),
            _ => new string('9', random.Between(1, 40)),
        };
        bytes.InsertRange(at, Encoding.ASCII.GetBytes(number));
    }

    private static byte[] Repeated(SeededRandom random, byte[] piece, int most)
    {
        var times = random.Between(1, most);
        var all = new byte[piece.Length * times];
        for (var i = 0; i < times; i++)
            piece.CopyTo(all, i * piece.Length);
        return all;
    }
}
