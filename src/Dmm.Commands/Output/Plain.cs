namespace Dmm.Commands.Output;

/// <summary>Texts from elsewhere, some a guest's own words, made fit for a terminal: without control characters.</summary>
public static class Plain
{
    public static string Of(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? '·' : c)) : text;
}
