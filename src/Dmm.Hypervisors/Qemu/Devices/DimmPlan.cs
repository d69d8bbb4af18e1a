using System.Collections.Immutable;
using Dmm.Core;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// Decides which DIMMs to add and which to ask back, so that the wanted number stays. It is pure. DIMMs come and go whole; the newest
/// goes first. A removal that the guest has begun can't be called off. A DIMM whose removal the guest has refused stays, and may be kept
/// or asked back again. No DIMM is added in place of one that is still there: the guest may keep that one, and would then have more than
/// was asked for.
/// </summary>
/// <param name="Stay">DIMMs whose refused removal is called off.</param>
/// <param name="Remove">DIMMs to ask back, newest first; those refused before are asked again.</param>
internal sealed record DimmPlan(ImmutableArray<string> Stay, ImmutableArray<string> Remove, ImmutableArray<string> Add)
{
    /// <summary>The usual size of a memory block of Linux on x86; nothing smaller can be plugged.</summary>
    public static readonly MemorySize LeastSize = MemorySize.FromMiB(128);

    /// <summary>The multiple of its boot memory that a VM can grow to by DIMMs, where slots and address space allow.</summary>
    private const int Reach = 12;

    /// <param name="present">The DIMMs that DMM added and QEMU has, oldest first.</param>
    /// <param name="leaving">The DIMMs that were asked back, and whether the guest has refused.</param>
    /// <param name="taken">Further ids that can't be used.</param>
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
    /// The number of DIMMs that comes nearest to <paramref name="amount"/> from the present side: as many more as fit into it; a DIMM
    /// that is there is not asked back while the amount needs a part of it. The amount that is plugged now leads to the present number.
    /// </summary>
    /// <param name="present">
    /// The sizes of the DIMMs that are there, oldest first: some may differ from <paramref name="size"/>, which is the size of new ones.
    /// </param>
    public static int CountFor(IReadOnlyList<MemorySize> present, MemorySize amount, MemorySize size)
    {
        var (count, left) = (0, amount);
        while (count < present.Count && !left.IsZero)
            left = left.MinusOrZero(present[count++]);
        return count + (int)(left.Bytes / size.Bytes);
    }

    /// <summary>
    /// The size of a VM's DIMMs: the smallest power of two times 128 MiB (or times the guest's memory block where that is larger) with
    /// which the slots reach 12 times its boot memory, or all that maxmem allows where that is less.
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
