using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Dmm.Hocon;

/// <summary>
/// Durations as people write them: a decimal number and one of <c>ms s m h d</c>, such as <c>500ms</c> or <c>1.5s</c>. A bare number is
/// refused, because 60 could mean seconds or milliseconds.
/// </summary>
public static class DurationText
{
    /// <summary>The right form, for messages.</summary>
    public const string Form = "a number and a unit (ms, s, m, h, d), such as 500ms, 1.5s or 2m";

    /// <summary>36,500 days, about 100 years: longer than any useful wait, and well within the range of timers and clocks.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(36_500);

    private static readonly (string Suffix, long Ticks)[] Units =
    [
        ("ms", TimeSpan.TicksPerMillisecond), ("s", TimeSpan.TicksPerSecond), ("m", TimeSpan.TicksPerMinute),
        ("h", TimeSpan.TicksPerHour), ("d", TimeSpan.TicksPerDay),
    ];

    public static bool TryParse([NotNullWhen(true)] string? text, out TimeSpan duration)
    {
        duration = default;
        var trimmed = text?.Trim() ?? "";
        foreach (var (suffix, ticks) in Units)
        {
            if (!trimmed.EndsWith(suffix, StringComparison.Ordinal))
                continue;
            var digits = trimmed[..^suffix.Length].TrimEnd();
            if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
                continue;
            if (number > Longest.Ticks / ticks)
                return false;
            duration = TimeSpan.FromTicks((long)(number * ticks));
            return true;
        }

        return false;
    }

    /// <summary>The shortest text that reads as the same duration, such as <c>90s</c> or <c>2m</c>.</summary>
    public static string Write(TimeSpan duration)
    {
        for (var i = Units.Length - 1; i > 0; i--)
        {
            if (duration.Ticks != 0 && duration.Ticks % Units[i].Ticks == 0)
                return string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / Units[i].Ticks}{Units[i].Suffix}");
        }

        return string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds:0.###}ms");
    }
}
