using System.Globalization;
using System.Runtime.InteropServices;

namespace Dmm.Benchmarks;

/// <summary>What was measured on. Other load on it makes figures worse, so that is told too.</summary>
internal sealed record Machine(string Cpu, int Cores, long MemoryBytes, string Kernel, string Runtime, double LoadAverage)
{
    public static Machine Read() => new(
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim()
        ?? RuntimeInformation.ProcessArchitecture.ToString(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription,
        LoadNow());

    /// <summary>Tasks that ran or wanted to, mean of the last minute.</summary>
    public static double LoadNow() => double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
}
