using System.Globalization;
using Dmm.Core;

namespace Dmm.Testbed;

/// <summary>What a process has of the host's memory.</summary>
public static class ProcessMemory
{
    /// <summary>Its resident memory, pages shared with others by their share (PSS). Source: proc_pid_smaps_rollup in proc(5).</summary>
    /// <returns>Null where the process has ended.</returns>
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
