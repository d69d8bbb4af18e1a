using System.Text;

namespace Dmm.Hypervisors.Wire;

/// <summary>
/// Cleans text of a peer that is not trusted before it reaches an operator's terminal or the journal: only printable ASCII and of bounded
/// length, so that no escape sequence and no flood gets through.
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

    /// <summary>Joins several lines into one.</summary>
    public static string CleanLines(string text, int maxLength) =>
        Clean(string.Join("; ", text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)), maxLength);

    public static string Clean(ReadOnlySpan<byte> text, int maxLength) =>
        Clean(Encoding.Latin1.GetString(text[..Math.Min(text.Length, maxLength + 1)]), maxLength);
}
