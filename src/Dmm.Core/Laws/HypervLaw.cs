using Dmm.Core.Planning;

namespace Dmm.Core.Laws;

/// <summary>
/// Hyper-V's Dynamic Memory as documented. A guest shall have its demand and a buffer of 20 % above; what is missing is added at once.
/// Memory that a guest no longer needs stays with it until another needs it, but about every 5 min it is taken from those that have more
/// than a second buffer too much. Where not all can have what they should, what is above demand and buffer is taken first, each in
/// proportion; then everyone stands between its min and its demand and buffer by weight.
/// <para>
/// It sees of a guest what its own driver in the guest reports every second: committed memory, here what programs and the kernel hold,
/// swapped out or not. Memory is added by hotplug, so growth is not bounded by what the guest booted with.
/// </para>
/// <para>
/// Source: Microsoft, "Hyper-V Dynamic Memory Overview" and Set-VMMemory (buffer, priority); Linux, drivers/hv/hv_balloon.c (what a guest
/// reports, each second). The product's source is not public. Simplified: demand is what is held, without what is committed and never
/// touched; weight bears on all of the distance between min and demand; "much more" than the buffer is a buffer more.
/// </para>
/// </summary>
/// <param name="buffer">Above demand, part of demand; 0.05 to 20 as Hyper-V allows, and 0.</param>
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

    /// <summary>Of what each has above demand and buffer <paramref name="left"/> stays with it.</summary>
    private void TakeIdle(ReadOnlySpan<LawGuest> guests, Span<long> targets, double left)
    {
        for (var i = 0; i < guests.Length; i++)
        {
            if (guests[i].Present)
                targets[i] = Want(guests[i]) + (long)(left * (targets[i] - Want(guests[i])));
        }
    }

    /// <summary>
    /// Everyone its min, then as much for each share as there is, up to what it wants: who wants less than its part leaves the rest to the
    /// others, until nobody does. Who wants no more than its min has no part in it, so that nothing is left over while anybody lacks.
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

        /// <summary>When the guest is next looked at.</summary>
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
