using System.Globalization;
using Dmm.Core;

namespace Dmm.Hypervisors.Linux;

/// <summary>
/// The memory that the kernel saves by merging equal pages of processes (KSM). A merged page is one page of the host, and it counts as
/// resident in each process that maps it. Source: Linux, Documentation/admin-guide/mm/ksm.rst.
/// </summary>
internal static class SavedByMerging
{
    /// <param name="pids">Processes whose resident memory is counted by their own mappings.</param>
    /// <returns>
    /// The pages that merging saves on the whole host (<c>pages_sharing</c>), and at most the merged pages of these processes
    /// (<c>ksm_merging_pages</c>, since Linux 5.19; where one does not say, the figure of the host stands).
    /// </returns>
    public static MemorySize Of(IReadOnlyCollection<int> pids, string root)
    {
        if (pids.Count == 0 || ProcFiles.Number(Path.Combine(root, "sys/kernel/mm/ksm/pages_sharing")) is not { } saved || saved == 0)
            return MemorySize.Zero;
        var merged = 0L;
        foreach (var pid in pids)
        {
            if (ProcFiles.Number(Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"proc/{pid}/ksm_merging_pages")))
                is not { } pages)
                return InPages(saved);
            merged += pages;
        }

        return InPages(Math.Min(saved, merged));
    }

    private static MemorySize InPages(long pages) => new(pages * Environment.SystemPageSize);
}
