namespace Dmm.Core;

/// <summary>
/// A text from outside, as a message repeats it: short enough to be read, and on one line whatever it holds. A name of a megabyte must not
/// fill a terminal or a log.
/// </summary>
public static class Echo
{
    /// <summary>The most characters of the text that are shown.</summary>
    public const int Longest = 60;

    /// <returns>The text; cut with "…" where it is long, with "⏎" for line ends and U+FFFD for other control characters.</returns>
    public static string Of(string? text)
    {
        var shown = text ?? "";
        if (shown.Length > Longest)
        {
            // No half of a surrogate pair is left.
            var end = char.IsHighSurrogate(shown[Longest - 1]) ? Longest - 1 : Longest;
            shown = shown[..end] + "…";
        }

        return shown.Any(IsBreaking) ? string.Concat(shown.Select(c => c == '\n' ? '⏎' : IsBreaking(c) ? '\uFFFD' : c)) : shown;
    }

    private static bool IsBreaking(char c) => char.IsControl(c) || c is '\u2028' or '\u2029';
}
