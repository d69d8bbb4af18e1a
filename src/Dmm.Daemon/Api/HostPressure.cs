using System.Globalization;
using Dmm.Contracts;

namespace Dmm.Daemon.Api;

/// <summary>The host's own memory and stall, from <c>/proc/meminfo</c> and <c>/proc/pressure/memory</c> (Linux, Documentation/accounting/psi.rst).</summary>
public static class HostPressure
{
    public static HostPressureView Read()
    {
        var available = Lines("/proc/meminfo").FirstOrDefault(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal));
        var pressure = Lines("/proc/pressure/memory");
        return new(
            available is not null && long.TryParse(available.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture, out var kib)
                ? kib * 1024
                : null,
            Average10(pressure, "some"),
            Average10(pressure, "full"));
    }

    private static double? Average10(string[] lines, string kind)
    {
        var line = lines.FirstOrDefault(l => l.StartsWith(kind, StringComparison.Ordinal));
        var field = line?.Split(' ').FirstOrDefault(f => f.StartsWith("avg10=", StringComparison.Ordinal));
        return field is not null && double.TryParse(field["avg10=".Length..], CultureInfo.InvariantCulture, out var value) ? value : null;
    }

    /// <summary>Not every kernel shows these files, and PSI may be off: then the reading fails and nothing is known.</summary>
    private static string[] Lines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (IOException)
        {
            return [];
        }
        catch (UnauthorizedAccessException)
        {
            return [];
        }
    }
}
