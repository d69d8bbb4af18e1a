using System.Globalization;
using Dmm.Core;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// Reads files of <c>/proc</c> and <c>/sys</c>: each file in one read, and empty where it is missing or may not be read, since hosts
/// differ in which of these files they have.
/// </summary>
internal static class ProcFiles
{
    public static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The figure of a line like <c>MemAvailable:  128 kB</c>.</summary>
    public static MemorySize? Kibibytes(string[] lines, string key)
    {
        var line = Array.Find(lines, l => l.StartsWith(key, StringComparison.Ordinal) && l.Length > key.Length && l[key.Length] == ':');
        return line?[(key.Length + 1)..].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is [var number, "kB"]
            && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var kib)
            ? MemorySize.FromKiB(kib)
            : null;
    }

    /// <summary>
    /// The fields of a <c>/proc/PID/stat</c> after the program's name, which may itself contain spaces and brackets: state is 0, start
    /// time 19. Empty where there is no such process. Source: proc_pid_stat(5).
    /// </summary>
    public static string[] Stat(string path) => string.Concat(Lines(path)) is { Length: > 0 } text
        ? text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)
        : [];

    /// <summary>The number that a file holds.</summary>
    public static long? Number(string path) =>
        Lines(path) is [var text, ..] && long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        ? number : null;

    /// <summary>The figure of a line like <c>inactive_file 4096</c>.</summary>
    public static long? Figure(string[] lines, string key)
    {
        var line = Array.Find(lines, l => l.StartsWith(key, StringComparison.Ordinal) && l.Length > key.Length && l[key.Length] == ' ');
        return line is not null
            && long.TryParse(line.AsSpan(key.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var figure) ? figure : null;
    }
}
