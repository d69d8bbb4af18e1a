namespace Dmm.Core.Laws;

/// <summary>
/// No management: every guest holds its maximum for as long as it lives. Where the host has not enough memory for all, guests are served
/// in the order in which they came. A guest that comes later holds what is left, at least its min. (Without a law that VM would not have
/// been started at all.)
/// </summary>
public sealed class StaticLaw : ILaw
{
    private readonly SlotMemory<bool> _here = new();
    private int[] _order = [];
    private int _count;

    public string Name => "static";

    public TimeSpan Period => TimeSpan.Zero;

    public LawEvents Hears => LawEvents.Population;

    public bool BalloonOnly => false;

    public void Forget(int slot)
    {
        _here.Forget(slot);
        var kept = 0;
        for (var i = 0; i < _count; i++)
        {
            if (_order[i] != slot)
                _order[kept++] = _order[i];
        }

        _count = kept;
    }

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        var rest = host.Memory - Line(guests);
        for (var i = 0; i < _count; i++)
        {
            ref readonly var guest = ref guests[_order[i]];
            var more = Math.Clamp(guest.Max - guest.Min, 0, Math.Max(0, rest));
            targets[_order[i]] = guest.Min + more;
            rest -= more;
        }

        return null;
    }

    /// <summary>Updates the order in which the guests came. Returns the sum of their mins.</summary>
    private long Line(ReadOnlySpan<LawGuest> guests)
    {
        _here.Reach(guests.Length);
        if (_order.Length < guests.Length)
            Array.Resize(ref _order, guests.Length);
        var mins = 0L;
        for (var slot = 0; slot < guests.Length; slot++)
        {
            if (guests[slot].Present)
                mins += guests[slot].Min;
            else if (_here[slot])
                Forget(slot);
            if (guests[slot].Present && !_here[slot])
            {
                _here[slot] = true;
                _order[_count++] = slot;
            }
        }

        return mins;
    }
}
