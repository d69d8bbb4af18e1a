namespace Dmm.Commands.Output;

/// <summary>
/// Makes text from other programs, some of it written by a guest, safe for a terminal: control characters are replaced.
/// </summary>
public static class Plain
{
    public static string Of(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? '·' : c)) : text;
}
