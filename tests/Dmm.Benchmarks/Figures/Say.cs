using System.Globalization;

namespace Dmm.Benchmarks.Figures;

/// <summary>
/// Prints progress, one line each, with the time since the part began: a benchmark without output for minutes looks hung.
/// </summary>
internal sealed class Say(string part)
{
    private readonly System.Diagnostics.Stopwatch _clock = System.Diagnostics.Stopwatch.StartNew();

    public void Line(string text) =>
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{part} {_clock.Elapsed.TotalSeconds,6:0.0} s  {text}"));
}
