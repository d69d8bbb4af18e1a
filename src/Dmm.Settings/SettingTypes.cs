using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Dmm.Core;
using Dmm.Files;
using Dmm.Hocon;

namespace Dmm.Settings;

/// <summary>The types of settings: how each is read, its bounds, and the right form that its error names.</summary>
internal static class SettingTypes
{
    private static readonly MemorySize Largest = MemorySize.MostThereIs;

    /// <summary>PATH_MAX of Linux without its ending zero.</summary>
    private const int MaxPathBytes = 4095;

    /// <summary>NAME_MAX of Linux.</summary>
    private const int MaxNameBytes = 255;

    public static MemorySize Size(this SettingsReader reader, string key, string least, string most)
    {
        var (low, high) = (MemorySize.Parse(least), MemorySize.Parse(most));
        return reader.Read(key, $"a size from {least} to {most}", (string text, out MemorySize value) =>
            MemorySize.TryParse(text, out value) && value >= low && value <= high, MemorySize.UnitFault);
    }

    /// <summary>Reads zero, or a size within the bounds.</summary>
    public static MemorySize SizeOrNone(this SettingsReader reader, string key, string least, string most)
    {
        var (low, high) = (MemorySize.Parse(least), MemorySize.Parse(most));
        return reader.Read(key, $"0 or a size from {least} to {most}", (string text, out MemorySize value) =>
            MemorySize.TryParse(text, out value) && (value.IsZero || (value >= low && value <= high)), MemorySize.UnitFault);
    }

    /// <summary>Reads a size; null where the setting is <c>auto</c>.</summary>
    public static MemorySize? SizeOrAuto(this SettingsReader reader, string key, string least, string example)
    {
        var low = MemorySize.Parse(least);
        return reader.Read(key, $"a size such as {example}, or auto", (string text, out MemorySize? value) =>
        {
            var isSize = MemorySize.TryParse(text, out var size);
            value = isSize ? size : null;
            return text == "auto" || (isSize && size >= low && size <= Largest);
        }, MemorySize.UnitFault);
    }

    public static Portion SizeOrPercent(this SettingsReader reader, string key, int mostPercent) =>
        reader.Read(key, $"percent from 0% to {mostPercent}%, or a size such as 512MiB", (string text, out Portion value) =>
        {
            if (TryPercent(text, out var fraction))
            {
                value = Portion.Part(fraction);
                return fraction <= mostPercent / 100.0;
            }

            var isSize = MemorySize.TryParse(text, out var size);
            value = Portion.Fixed(size);
            return isSize && size <= Largest;
        }, text => TryPercent($"{text}%", out var percent) && percent > 0 && percent <= mostPercent / 100.0
            ? MemorySize.UnitFault(text)?.Replace("mean ", $"mean {text}% or ", StringComparison.Ordinal)
            : MemorySize.UnitFault(text));

    /// <returns>The fraction: 5% is 0.05.</returns>
    public static double Percent(this SettingsReader reader, string key, int least, int most) =>
        reader.Read(key, $"percent from {least}% to {most}%", (string text, out double value) =>
            TryPercent(text, out value) && value >= least / 100.0 && value <= most / 100.0);

    public static double Number(this SettingsReader reader, string key, double least, double most) =>
        reader.Read(key, string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}"), (string text, out double value) =>
            double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value)
            && value >= least && value <= most);

    public static int Integer(this SettingsReader reader, string key, int least, int most) =>
        reader.Read(key, $"a whole number from {least} to {most}", (string text, out int value) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= least && value <= most);

    /// <summary>Reads a port from 0 to 65535; <paramref name="zero"/> says what 0 means.</summary>
    public static int Port(this SettingsReader reader, string key, string zero) =>
        reader.Read(key, $"a port from 1 to 65535, or 0 for {zero}", (string text, out int value) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= ushort.MaxValue);

    public static TimeSpan Duration(this SettingsReader reader, string key, string least, string most)
    {
        if (!DurationText.TryParse(least, out var low) || !DurationText.TryParse(most, out var high))
            throw new InvalidOperationException($"{key}: the bounds {least} and {most} are no durations");
        return reader.Read(key, $"a duration from {least} to {most}", (string text, out TimeSpan value) =>
            DurationText.TryParse(text, out value) && value >= low && value <= high);
    }

    public static T Choice<T>(this SettingsReader reader, string key)
        where T : struct, Enum
    {
        var names = Enum.GetNames<T>().Select(n => n.ToLowerInvariant()).ToList();
        var right = names.Count == 2 ? $"{names[0]} or {names[1]}" : $"{string.Join(", ", names.SkipLast(1))} or {names[^1]}";
        return reader.Read(key, right, (string text, out T value) =>
        {
            value = default;
            return names.Contains(text) && Enum.TryParse(text, ignoreCase: true, out value);
        });
    }

    /// <summary>Reads a choice whose names are written as words with dashes, such as keep-majority.</summary>
    public static T Words<T>(this SettingsReader reader, string key)
        where T : struct, Enum
    {
        var names = Enum.GetNames<T>().ToDictionary(JsonNamingPolicy.KebabCaseLower.ConvertName, Enum.Parse<T>, StringComparer.Ordinal);
        return reader.Read(
            key, $"one of {string.Join(", ", names.Keys)}", (string text, out T value) => names.TryGetValue(text, out value));
    }

    public static string Text(this SettingsReader reader, string key, int longest, string right) =>
        reader.Read(key, right, (string text, out string value) =>
        {
            value = text;
            return text.Length <= longest && !text.Any(char.IsControl);
        });

    /// <param name="mayBeEmpty">Whether the text may be empty, which means a default that only the code knows.</param>
    public static string AbsolutePath(this SettingsReader reader, string key, string example, bool mayBeEmpty = false) =>
        reader.Read(key, $"an absolute path of at most {MaxPathBytes} bytes such as {example}{(mayBeEmpty ? ", or empty" : "")}",
            (string text, out string value) =>
        {
            value = text;
            return (mayBeEmpty && text.Length == 0) || IsAbsolute(text);
        });

    /// <summary>
    /// Reads an absolute folder other than the root, without a slash at its end. It is short, because sockets are made below it.
    /// </summary>
    public static string Folder(this SettingsReader reader, string key, string example) =>
        reader.Read(key, $"an absolute path of at most {SocketPlace.MaxPathBytes} bytes such as {example}",
            (string text, out string value) =>
        {
            value = text.TrimEnd('/');
            return IsAbsolute(text) && value.Length > 0 && Encoding.UTF8.GetByteCount(value) <= SocketPlace.MaxPathBytes;
        });

    public static string FileName(this SettingsReader reader, string key, string example) =>
        reader.Read(key, $"a file's name without folders such as {example}", (string text, out string value) =>
        {
            value = text;
            return text is not ("." or "..") && IsName(text);
        });

    public static string SocketPath(this SettingsReader reader, string key, string example) =>
        reader.Read(key, $"an absolute path of at most {SocketPlace.MaxPathBytes} bytes such as {example}",
            (string text, out string value) =>
        {
            value = text;
            return IsAbsolute(text) && !text.EndsWith('/') && Encoding.UTF8.GetByteCount(text) <= SocketPlace.MaxPathBytes;
        });

    /// <summary>Reads a program: a name that is looked for in PATH, or an absolute path.</summary>
    public static string Program(this SettingsReader reader, string key, string example) =>
        reader.Read(key, $"a program's name or an absolute path, such as {example}", (string text, out string value) =>
        {
            value = text;
            return IsAbsolute(text) || IsName(text);
        });

    /// <summary>Reads one of these words, or an absolute path without a slash at its end.</summary>
    public static string PathOr(this SettingsReader reader, string key, string example, params string[] words) =>
        reader.Read(key, $"{string.Join(", ", words)} or an absolute path such as {example}", (string text, out string value) =>
        {
            value = text.Length > 1 ? text.TrimEnd('/') : text;
            return words.Contains(text) || (IsAbsolute(text) && value.Length > 1);
        });

    /// <summary>Reads a user: a name, a number, a number and a group's number, or nothing.</summary>
    public static string User(this SettingsReader reader, string key) =>
        reader.Read(key, "a user's name, UID or UID:GID, or empty", (string text, out string value) =>
        {
            value = text;
            var words = text.Split(':');
            return text.Length == 0 || (words.Length == 1 && IsName(text) && !text.StartsWith('-'))
                || (words.Length == 2 && words.All(w => uint.TryParse(w, NumberStyles.None, CultureInfo.InvariantCulture, out _)));
        });

    /// <param name="why">The reason why only loopback is allowed.</param>
    public static IPAddress Loopback(this SettingsReader reader, string key, string why) =>
        reader.Read(key, $"a loopback address such as 127.0.0.1, since {why}", (string text, out IPAddress value) =>
        {
            var parsed = text == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(text, out var address) ? address : IPAddress.None;
            value = parsed;
            return IPAddress.IsLoopback(parsed);
        });

    public static UnixFileMode FileMode(this SettingsReader reader, string key) =>
        reader.Read(key, "octal permissions from 0600 to 0777, such as 0660", (string text, out UnixFileMode value) =>
        {
            value = default;
            if (text.Length is < 3 or > 4 || text.Any(c => c is < '0' or > '7'))
                return false;
            var mode = Convert.ToInt32(text, 8);
            value = (UnixFileMode)mode;
            return mode is >= 0b110_000_000 and <= 0b111_111_111 && (mode & 0b110_000_000) == 0b110_000_000;
        });

    private static bool TryPercent(string text, out double fraction)
    {
        fraction = 0;
        if (!text.EndsWith('%')
            || !double.TryParse(text[..^1].TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent))
            return false;
        fraction = percent / 100;
        return true;
    }

    /// <summary>True for a name of a file, without folders.</summary>
    private static bool IsName(string text) =>
        text.Length > 0 && !text.Contains('/', StringComparison.Ordinal) && !text.Any(char.IsControl)
        && Encoding.UTF8.GetByteCount(text) <= MaxNameBytes;

    private static bool IsAbsolute(string text) =>
        text.StartsWith('/') && !text.Any(char.IsControl) && Encoding.UTF8.GetByteCount(text) <= MaxPathBytes;
}
