using System.Collections.Immutable;
using Dmm.Core;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// Which DIMMs to add and which to ask back, so that so many stay: pure. DIMMs come and go whole, the newest goes first. A removal that
/// the guest has begun can't be called off; one that it has refused leaves the DIMM where it is, to stay or to be asked back again. While a
/// DIMM is still there none is added in its place: there would be more than was asked for, and the guest may keep it.
/// </summary>
/// <param name="Stay">Refused removals that are called off.</param>
/// <param name="Remove">To be asked back, newest first; those refused before are asked again.</param>
internal sealed record DimmPlan(ImmutableArray<string> Stay, ImmutableArray<string> Remove, ImmutableArray<string> Add)
{
    /// <summary>The usual size of a memory block of Linux on x86, below which nothing can be plugged.</summary>
    public static readonly MemorySize LeastSize = MemorySize.FromMiB(128);

    /// <summary>How many times its boot memory a VM can grow to by DIMMs, where slots and address space allow.</summary>
    private const int Reach = 12;

    /// <param name="present">The DIMMs that DMM added and QEMU has, oldest first.</param>
    /// <param name="leaving">Those that were asked back, and whether the guest has refused.</param>
    /// <param name="taken">Further ids that can't be given.</param>
    public static DimmPlan For(
        IReadOnlyList<string> present, IReadOnlyDictionary<string, bool> leaving, int wanted, params IEnumerable<string> taken)
    {
        string[] staying = [.. present.Where(id => !leaving.ContainsKey(id))];
        string[] refused = [.. present.Where(id => leaving.GetValueOrDefault(id))];
        var back = refused[..Math.Clamp(wanted - staying.Length, 0, refused.Length)];
        var add = DeviceId.Fresh(DeviceId.Dimm, present.Concat(taken)).Take(Math.Max(0, wanted - present.Count));
        string[] surplus = [.. staying[Math.Min(wanted, staying.Length)..], .. refused[back.Length..]];
        var remove = present.Where(surplus.Contains).Reverse();
        return new([.. back], [.. remove], [.. add]);
    }

    /// <summary>
    /// How many DIMMs are nearest to <paramref name="amount"/> from where they are: as many more as fit into it; of those that are there,
    /// none that a part of it stands in is asked back. What they are as it is leads to their number.
    /// </summary>
    /// <param name="present">
    /// Their sizes, oldest first: a VM may have some of another size than <paramref name="size"/>, that of those which are added.
    /// </param>
    public static int CountFor(IReadOnlyList<MemorySize> present, MemorySize amount, MemorySize size)
    {
        var (count, left) = (0, amount);
        while (count < present.Count && !left.IsZero)
            left = left.MinusOrZero(present[count++]);
        return count + (int)(left.Bytes / size.Bytes);
    }

    /// <summary>
    /// The size of a VM's DIMMs: the least power of two times 128 MiB (or times the guest's memory block where that is larger) with which
    /// the slots reach 12 times its boot memory, or all that maxmem allows where that is less.
    /// </summary>
    /// <param name="room">Address space for DIMMs.</param>
    /// <param name="slots">Slots for DIMMs, at least one.</param>
    public static MemorySize SizeFor(MemorySize boot, MemorySize room, int slots, MemorySize guestBlock)
    {
        var goal = MemorySize.Min(room, new MemorySize(boot.Bytes * Reach));
        var size = MemorySize.Max(LeastSize, guestBlock);
        while (size.Bytes * slots < goal.Bytes && new MemorySize(size.Bytes * 2) <= room)
            size = new(size.Bytes * 2);
        return size;
    }
}
