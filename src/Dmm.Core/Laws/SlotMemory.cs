namespace Dmm.Core.Laws;

/// <summary>
/// What a law has learnt of its guests, by slot. It grows with the number of slots and allocates only when a slot is new.
/// </summary>
internal sealed class SlotMemory<T>
    where T : struct
{
    private T[] _items = [];

    public ref T this[int slot] => ref _items[slot];

    public void Reach(int slots)
    {
        if (slots > _items.Length)
            Array.Resize(ref _items, Math.Max(slots, 2 * _items.Length));
    }

    public void Forget(int slot)
    {
        if (slot < _items.Length)
            _items[slot] = default;
    }
}

internal static class LawGuests
{
    public static long Clamp(this in LawGuest guest, long size) => Math.Clamp(size, guest.Min, Math.Max(guest.Min, guest.Max));

    public static long Clamp(this in LawGuest guest, double size) =>
        size >= guest.Max ? guest.Clamp(guest.Max) : guest.Clamp((long)Math.Max(0, size));

    /// <summary>Limits a size to what the guest can reach without hotplug: never above what it booted with.</summary>
    public static long ClampToBalloon(this in LawGuest guest, double size) =>
        (long)Math.Clamp(size, guest.Min, guest.BalloonMax);

    /// <summary>Host memory that no guest holds and no guest was told to take; below zero where more was promised than there is.</summary>
    public static long Room(in LawHost host, ReadOnlySpan<LawGuest> guests, ReadOnlySpan<long> targets)
    {
        var room = host.Memory;
        for (var i = 0; i < guests.Length; i++)
        {
            if (guests[i].Present)
                room -= Math.Max(guests[i].Actual, targets[i]);
        }

        return room;
    }
}
