using System.Globalization;
using Dmm.Core;

namespace Dmm.Testbed;

/// <summary>The host memory that a process has.</summary>
public static class ProcessMemory
{
    /// <summary>
    /// Returns the process's resident memory, in which a shared page counts by its share (PSS). Source: proc_pid_smaps_rollup in proc(5).
    /// </summary>
    /// <returns>Null if the process has ended.</returns>
    public static MemorySize? Pss(int pid)
    {
        try
        {
            var line = File.ReadLines($"/proc/{pid}/smaps_rollup").FirstOrDefault(l => l.StartsWith("Pss:", StringComparison.Ordinal));
            return line is null ? null
                : MemorySize.FromKiB(long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
