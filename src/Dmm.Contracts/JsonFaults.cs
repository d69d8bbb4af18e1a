using System.Text.Json;

namespace Dmm.Contracts;

/// <summary>Errors of the JSON parser for people: without the names of .NET's types, and without its positions in bytes.</summary>
public static class JsonFaults
{
    /// <summary>Words with which the parser's messages begin to speak of .NET instead of JSON.</summary>
    private static readonly string[] Ends = [" Path: ", " LineNumber: ", " Change the reader options", ", when isFinalBlock"];

    public static string InPlainWords(JsonException fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        var place = fault.Path is null or "$" or "" ? "" : $" at {fault.Path}";
        if (Missing(fault.Message) is { } names)
            return $"it lacks {names}{place}";
        if (fault.Message.Contains("System.", StringComparison.Ordinal) || fault.Message.Contains("Dmm.", StringComparison.Ordinal))
            return $"a value of another kind was expected{place}";
        var text = string.Join(' ', fault.Message.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));
        foreach (var end in Ends)
        {
            if (text.IndexOf(end, StringComparison.Ordinal) is > 0 and var cut)
                text = text[..cut];
        }

        return $"{text.TrimEnd('.', ' ')}{place}";
    }

    /// <summary>The names of the members whose absence the message reports; null where it reports something else.</summary>
    private static string? Missing(string message)
    {
        const string Begin = "was missing required properties including: ";
        return message.IndexOf(Begin, StringComparison.Ordinal) is >= 0 and var at
            ? message[(at + Begin.Length)..].Split(" Path:")[0].Trim('.', ' ').Replace("'", "", StringComparison.Ordinal)
            : null;
    }
}
