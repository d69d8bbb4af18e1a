using System.Text;

namespace Dmm.Hypervisors.Wire;

/// <summary>
/// Words of a peer that is not trusted, on their way to an operator's terminal or the journal: printable ASCII alone and of bounded
/// length, so that no escape sequence and no flood comes through.
/// </summary>
public static class ForeignText
{
    public static string Clean(string text, int maxLength)
    {
        var clean = new StringBuilder(Math.Min(text.Length, maxLength));
        foreach (var c in text)
        {
            if (clean.Length == maxLength)
                return clean.Append('…').ToString();
            clean.Append(c is >= ' ' and <= '~' ? c : '?');
        }

        return clean.ToString();
    }

    /// <summary>Several lines made one.</summary>
    public static string CleanLines(string text, int maxLength) =>
        Clean(string.Join("; ", text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)), maxLength);

    public static string Clean(ReadOnlySpan<byte> text, int maxLength) =>
        Clean(Encoding.Latin1.GetString(text[..Math.Min(text.Length, maxLength + 1)]), maxLength);
}
