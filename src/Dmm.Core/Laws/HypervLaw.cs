using Dmm.Core.Planning;

namespace Dmm.Core.Laws;

/// <summary>
/// Hyper-V's Dynamic Memory as documented. A guest should have its demand plus a buffer of 20 %; missing memory is added at once. Memory
/// that a guest no longer needs stays with it until another guest needs it. But about every 5 min it is taken from guests that have more
/// than a second buffer too much. Where memory does not suffice for all, memory above demand and buffer is taken first, from each guest
/// in proportion. If that is not enough, each guest gets, by weight, a size between its min and its demand plus buffer.
/// <para>
/// The law sees what its own driver in the guest reports every second: committed memory. Here that is the memory that programs and the
/// kernel hold, swapped out or not. Memory is added by hotplug, so growth is not bounded by what the guest booted with.
/// </para>
/// <para>
/// Source: Microsoft, "Hyper-V Dynamic Memory Overview" and Set-VMMemory (buffer, priority); Linux, drivers/hv/hv_balloon.c (what a guest
/// reports, each second). The product's source is not public. Simplified: demand is the memory that is held, without memory that is
/// committed and never touched; weight applies to the whole distance between min and demand; "much more" than the buffer is taken as one
/// buffer more.
/// </para>
/// </summary>
/// <param name="buffer">The buffer above demand, as a part of demand; 0.05 to 20 as Hyper-V allows, and 0.</param>
public sealed class HypervLaw(double buffer = HypervLaw.DefaultBuffer) : ILaw
{
    public const double DefaultBuffer = 0.20;

    private static readonly TimeSpan RemovalPeriod = TimeSpan.FromMinutes(5);

    private readonly double _buffer = buffer is >= 0 and <= 20
        ? buffer
        : throw new ArgumentOutOfRangeException(nameof(buffer), buffer, "The buffer must be a part of demand, 0 to 20.");

    private readonly SlotMemory<Removal> _removals = new();
    private readonly WaterFilling _waterFilling = new();

    public string Name => "hyperv";

    public TimeSpan Period => TimeSpan.FromSeconds(1);

    public LawEvents Hears => LawEvents.Population;

    public bool BalloonOnly => false;

    public void Forget(int slot) => _removals.Forget(slot);

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        _removals.Reach(guests.Length);
        _waterFilling.EnsureCapacity(guests.Length);
        TimeSpan? next = null;
        var (wanted, idle) = (0L, 0L);
        for (var i = 0; i < guests.Length; i++)
        {
            ref readonly var guest = ref guests[i];
            if (!guest.Present)
            {
                _removals.Forget(i);
                continue;
            }

            var want = Want(guest);
            ref var removal = ref _removals[i];
            var due = removal.IsDue(now);
            var kept = guest.Clamp(targets[i]);
            var isMuch = kept - want > _buffer * guest.Used && kept > want;
            targets[i] = isMuch && due ? want : Math.Max(kept, want);
            if (isMuch && !due && (next is null || removal.At < next))
                next = removal.At;
            wanted += want;
            idle += targets[i] - want;
        }

        if (wanted > host.Memory)
            Share(guests, targets, host.Memory);
        else if (wanted + idle > host.Memory)
            TakeIdle(guests, targets, (host.Memory - wanted) / (double)idle);
        return next;
    }

    private long Want(in LawGuest guest) => guest.Clamp(guest.Used * (1 + _buffer));

    /// <summary>Leaves each guest the part <paramref name="left"/> of what it has above demand and buffer.</summary>
    private void TakeIdle(ReadOnlySpan<LawGuest> guests, Span<long> targets, double left)
    {
        for (var i = 0; i < guests.Length; i++)
        {
            if (guests[i].Present)
                targets[i] = Want(guests[i]) + (long)(left * (targets[i] - Want(guests[i])));
        }
    }

    /// <summary>
    /// Gives every guest its min, then the same amount for each share, up to what the guest wants. A guest that wants less than its part
    /// leaves the rest to the others. A guest that wants no more than its min takes no part, so that nothing is left over while another
    /// guest lacks memory.
    /// </summary>
    private void Share(ReadOnlySpan<LawGuest> guests, Span<long> targets, long memory)
    {
        _waterFilling.Clear();
        for (var i = 0; i < guests.Length; i++)
        {
            ref readonly var guest = ref guests[i];
            if (guest.Present)
                _waterFilling.Add(new(guest.Min), new(guest.Min), new(Want(guest)), Weight(guest));
        }

        _waterFilling.Fill(new(memory));
        for (var (i, number) = (0, 0); i < guests.Length; i++)
        {
            if (guests[i].Present)
                targets[i] = _waterFilling[number++].Bytes;
        }
    }

    private static int Weight(in LawGuest guest) => Math.Max(1, guest.Shares);

    private struct Removal
    {
        public bool Known;

        /// <summary>When the guest is next checked for memory to remove.</summary>
        public TimeSpan At;

        public bool IsDue(TimeSpan now)
        {
            if (!Known)
                (Known, At) = (true, now + RemovalPeriod);
            while (At < now)
                At += RemovalPeriod;
            if (At > now)
                return false;
            At += RemovalPeriod;
            return true;
        }
    }
}
