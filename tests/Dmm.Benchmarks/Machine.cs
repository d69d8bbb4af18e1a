using System.Globalization;
using System.Runtime.InteropServices;

namespace Dmm.Benchmarks;

/// <summary>The machine of the measurement. Other load on it makes figures worse, so the load average is reported too.</summary>
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

    /// <summary>The number of tasks that ran or were ready to run, mean of the last minute.</summary>
    public static double LoadNow() => double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
}
