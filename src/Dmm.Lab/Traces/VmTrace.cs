using Dmm.Core;

namespace Dmm.Lab.Traces;

/// <summary>
/// What one VM used over time, as it was recorded: a row every few minutes. Kept small (eight bytes a row), since an archive has a thousand
/// VMs.
/// </summary>
/// <param name="Name">The file's name without its endings, with its folder where folders were read.</param>
/// <param name="Start">Seconds since 1970, UTC, of the first row.</param>
/// <param name="Seconds">Of each row, since <paramref name="Start"/>; rising.</param>
/// <param name="UsedKib">Of each row: memory that was actively used, KiB.</param>
/// <param name="Max">The most memory that the VM ever had, or used.</param>
public sealed record VmTrace(string Name, long Start, int[] Seconds, uint[] UsedKib, MemorySize Max)
{
    /// <summary>Without a row for longer than this (three of the published archive's rows) a VM is taken to be off.</summary>
    public const int MostSilence = 900;

    /// <summary>A row's value holds for this long where the next row is missing.</summary>
    public const int UsualInterval = 300;

    public long End => Start + (Seconds.Length == 0 ? 0 : Seconds[^1]);
}

/// <summary>All that was read, and what could not be.</summary>
/// <param name="BadRowCount">Rows that were left out.</param>
/// <param name="BadRows">The first of them: file, line and what is wrong.</param>
public sealed record TraceSet(IReadOnlyList<VmTrace> Vms, long Rows, long BadRowCount, IReadOnlyList<string> BadRows);
