using System.Globalization;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// The order in which the kernel ends VMs when the whole host has run out of memory: those with few shares first. The kernel adds the
/// score, in thousandths of the host's memory, to what a process holds. Source: Linux, Documentation/filesystems/proc.rst,
/// <c>oom_score_adj</c>.
/// </summary>
internal static class OomScore
{
    /// <summary>
    /// From 800 (one share) over 400 (the usual 1000 shares) to 0 (a million): less by 133 for each tenfold. Never below zero: programs
    /// of the host itself, which have 0 or less, are worth more to it than any VM.
    /// </summary>
    public static int Of(int shares) => (int)Math.Round(800 * (1 - (Math.Log10(Math.Clamp(shares, 1, VmPolicy.MaxShares)) / 6)));

    /// <summary>Sets the score of a process; the kernel allows anyone to raise that of their own process.</summary>
    /// <returns>Why it could not be set; null where it was.</returns>
    public static string? Set(int pid, int shares)
    {
        var file = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/oom_score_adj");
        try
        {
            File.WriteAllText(file, Of(shares).ToString(CultureInfo.InvariantCulture));
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{file} can't be set to {Of(shares)}: {e.Message}";
        }
    }
}
