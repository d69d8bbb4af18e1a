using Dmm.Core;

namespace Dmm.Lab.Traces;

/// <summary>
/// The recorded memory use of one VM over time, a row every few minutes. It takes only eight bytes per row, because an archive has a
/// thousand VMs.
/// </summary>
/// <param name="Name">The file's name without its extensions, with its folder where folders were read.</param>
/// <param name="Start">The time of the first row, in seconds since 1970, UTC.</param>
/// <param name="Seconds">The time of each row, in seconds since <paramref name="Start"/>; never falling.</param>
/// <param name="UsedKib">For each row: memory that was actively used, in KiB.</param>
/// <param name="Max">The most memory that the VM ever had or used.</param>
public sealed record VmTrace(string Name, long Start, int[] Seconds, uint[] UsedKib, MemorySize Max)
{
    /// <summary>Seconds. A VM without a row for longer than this (three rows of the published archive) counts as off.</summary>
    public const int MostSilence = 900;

    /// <summary>Seconds for which a row's value holds where the next row is missing.</summary>
    public const int UsualInterval = 300;

    public long End => Start + (Seconds.Length == 0 ? 0 : Seconds[^1]);
}

/// <summary>All traces that were read, and the rows that could not be read.</summary>
/// <param name="BadRowCount">The number of rows that were left out.</param>
/// <param name="BadRows">The first of them: file, line and fault.</param>
public sealed record TraceSet(IReadOnlyList<VmTrace> Vms, long Rows, long BadRowCount, IReadOnlyList<string> BadRows);
