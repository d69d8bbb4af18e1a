using System.Globalization;
using Dmm.Core;
using Spectre.Console;

namespace Dmm.Commands.Output;

/// <summary>Formats values for people.</summary>
public static class Show
{
    /// <summary>Shown for a value that is not known.</summary>
    public const string Unknown = "–";

    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    public static readonly Style Usual = Style.Plain;
    public static readonly Style Quiet = new(decoration: Decoration.Dim);
    public static readonly Style Strong = new(decoration: Decoration.Bold);
    public static readonly Style Warning = new(Color.Yellow);
    public static readonly Style Bad = new(Color.Red);
    public static readonly Style Good = new(Color.Green);

    /// <summary>Three significant digits, four where the number in its unit has four: at most eight characters.</summary>
    public static string Size(long? bytes)
    {
        if (bytes is not { } rest)
            return Unknown;
        var (value, unit) = ((double)rest, 0);
        while (Math.Abs(value) >= 1023.5 && unit < Units.Length - 1)
            (value, unit) = (value / 1024, unit + 1);
        var digits = value switch
        {
            < 9.995 => "0.##",
            < 99.95 => "0.#",
            _ => "0",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{value.ToString(digits, CultureInfo.InvariantCulture)} {Units[unit]}");
    }

    public static string Size(MemorySize size) => Size(size.Bytes);

    public static string Percent(double? value) =>
        value is { } percent ? string.Create(CultureInfo.InvariantCulture, $"{percent:0.##} %") : Unknown;

    public static string Seconds(TimeSpan duration) => string.Create(CultureInfo.InvariantCulture, $"{duration.TotalSeconds:0.0} s");

    /// <summary>Local time, with the date where it is not today's.</summary>
    public static string Time(DateTimeOffset at, TimeProvider clock)
    {
        var local = TimeZoneInfo.ConvertTime(at, clock.LocalTimeZone);
        return local.ToString(
            local.Date == clock.GetLocalNow().Date ? "HH:mm:ss.fff" : "yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);
    }

    public static string Ago(DateTimeOffset at, TimeProvider clock)
    {
        var ago = clock.GetUtcNow() - at;
        return ago.TotalSeconds < 120
            ? string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, ago.TotalSeconds):0.#} s ago")
            : $"at {Time(at, clock)}";
    }

    /// <summary>Says whose memory the VM waits for.</summary>
    public static string From(Contracts.WaitView wait)
    {
        var rest = wait.MissingBytes - wait.From.Sum(g => g.Bytes);
        var from = wait.From.Select(g => $"{g.Vm} ({Size(g.Bytes)})");
        return string.Join(", ", rest > 0 ? from.Append($"nobody yet ({Size(rest)})") : from);
    }

    public static Style OfState(string state) => state switch
    {
        "settled" or "ready" => Good,
        "stuck" or "uncooperative" or "lost" or "degraded" => Bad,
        "stopping" or "stopped" => Quiet,
        _ => Warning,
    };
}
