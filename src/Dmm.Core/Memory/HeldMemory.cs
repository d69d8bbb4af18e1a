namespace Dmm.Core.Memory;

/// <summary>
/// The memory that a VM's process holds, as it was read. A process is read in two ways, at looks at the host and by its VM's driver, and
/// what was read may come late: of two figures the one that was read later counts, whichever comes first.
/// </summary>
/// <param name="Size">Its resident memory, page tables included.</param>
/// <param name="At">When the reading began, on the host's monotonic clock.</param>
public readonly record struct HeldMemory(MemorySize Size, Moment At)
{
    /// <summary>The newer of the two; of two of one moment the larger, so that no memory is taken for free that is not.</summary>
    public static HeldMemory Newer(HeldMemory a, HeldMemory b) => (a.At, a.Size).CompareTo((b.At, b.Size)) >= 0 ? a : b;
}
