namespace Dmm.Core.Memory;

/// <summary>
/// The overhead that the ledger counts for a VM once its process was measured. It is written to the journal, so that a restart of the
/// daemon or of the VM's actor never counts less: memory that a process holds must not be promised to others until it is measured again.
/// It is the measurement, rounded up to whole steps: a process that grows a little is not an event each time.
/// </summary>
public static class CountedOverhead
{
    public static readonly MemorySize Step = MemorySize.FromMiB(16);

    /// <summary>A lower figure is written at most this often, so that a process that swings does not fill the journal.</summary>
    public static readonly TimeSpan Calm = TimeSpan.FromMinutes(10);

    /// <summary>Returns the figure that counts from now on; null where the present one stands.</summary>
    /// <param name="counted">The present figure; at least <paramref name="expected"/>.</param>
    /// <param name="expected">A young process has less overhead than it will have later: less than this never counts.</param>
    /// <param name="since">The time since the figure last changed.</param>
    public static MemorySize? Next(MemorySize counted, MemorySize expected, MemorySize measured, TimeSpan since)
    {
        var exact = MemorySize.Max(expected, measured.RoundUp(Step));
        return measured > counted || (exact + Step < counted && since >= Calm) ? exact : null;
    }
}
