namespace Dmm.Core.Laws;

/// <summary>
/// Proxmox VE's automatic ballooning. Every 10 s its statistics daemon compares the host's memory in use with 80 %. A difference of more
/// than 10 MiB is shared out so that the memory which guests have above their mins is proportional to their shares. A guest moves at most
/// 100 MiB a round. When there is memory to give, guests with little free memory (at most a quarter of their min) come first; when memory
/// is to be taken, guests with more free memory come first. The other guests take part only if that moves nothing. A guest above its part
/// gives even while the host has memory to spare.
/// <para>
/// The law sees what balloon statistics give: the guest's size and MemFree, so that page cache counts as used. Balloon only.
/// </para>
/// <para>
/// Source: pve-manager, PVE/AutoBalloon.pm (compute_alg1) and PVE/Service/pvestatd.pm (auto_balloning). Simplified: the host is the
/// memory that all guests may have together, and guests alone use it, without the host's own programs and caches; guests are served in
/// the order of their slots, where the original uses the order of a hash.
/// </para>
/// </summary>
/// <param name="hostUse">The part of the host's memory that the law fills, 0 to 1.</param>
public sealed class ProxmoxLaw(double hostUse = ProxmoxLaw.DefaultHostUse) : ILaw
{
    public const double DefaultHostUse = 0.80;

    private const long MaxChange = 100L << 20;
    private const long LeastGoal = 10L << 20;
    private const double LittleFree = 0.25;

    private readonly double _hostUse = hostUse is > 0 and <= 1
        ? hostUse
        : throw new ArgumentOutOfRangeException(
            nameof(hostUse), hostUse, "The part of the host's memory that is filled must be above 0 and at most 1.");

    private readonly SlotMemory<Round> _rounds = new();

    [Flags]
    private enum Whom
    {
        None = 0,
        Short = 1,
        Relaxed = 2,
        All = Short | Relaxed,
    }

    public string Name => "proxmox";

    public TimeSpan Period => TimeSpan.FromSeconds(10);

    public LawEvents Hears => LawEvents.None;

    public bool BalloonOnly => true;

    /// <summary>Does nothing: this law keeps no memory of its guests.</summary>
    public void Forget(int slot)
    {
    }

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        _rounds.Reach(guests.Length);
        for (var i = 0; i < guests.Length; i++)
        {
            ref readonly var guest = ref guests[i];
            var governed = guest.Present && guest.Min > 0 && guest.Shares > 0;
            var relaxed = guest.Free > guest.Min * LittleFree && guest.Actual >= guest.Min;
            _rounds[i] = new() { Size = guest.Actual, Whom = !governed ? Whom.None : relaxed ? Whom.Relaxed : Whom.Short };
        }

        var goal = (long)((host.Memory * _hostUse) - host.Used);
        if (Math.Abs(goal) > LeastGoal)
        {
            var rest = Share(guests, goal, goal, goal > 0 ? Whom.Short : Whom.Relaxed);
            if (goal > 0 ? rest >= goal : rest <= goal)
                _ = Share(guests, rest, rest, Whom.All);
        }

        for (var i = 0; i < guests.Length; i++)
        {
            if (!guests[i].Present)
                continue;
            // A guest that needs no change gets no new target: its last target stands.
            var target = _rounds[i].Size != guests[i].Actual ? _rounds[i].Size : targets[i];
            targets[i] = guests[i].ClampToBalloon(target);
        }

        return null;
    }

    /// <summary>Shares <paramref name="bytes"/> out among some of the guests. Returns the amount that could not be shared out.</summary>
    private long Share(ReadOnlySpan<LawGuest> guests, long bytes, long rest, Whom whom)
    {
        for (var i = 0; i < guests.Length; i++)
            _rounds[i].Done = false;

        // The sum of what was given and what is left stays the same. So a further round moves memory only after a guest has left the
        // sharing.
        var moved = true;
        while (moved && rest != 0)
        {
            moved = false;
            var (above, shares) = Sum(guests, whom);
            var part = (above + (double)rest) / Math.Max(1, shares);
            for (var i = 0; i < guests.Length; i++)
            {
                if (!IsAmong(i, whom))
                    continue;
                ref readonly var guest = ref guests[i];
                var desired = Math.Clamp(guest.Min + (long)(part * guest.Shares), guest.Min, guest.BalloonMax);
                if (desired == guest.Actual || (desired > guest.Actual && bytes < 0))
                {
                    _rounds[i].Done = true;
                    continue;
                }

                var size = Math.Clamp(desired, guest.Actual - MaxChange, guest.Actual + MaxChange);
                var change = size - _rounds[i].Size;
                if (change == 0)
                    continue;
                _rounds[i].Size = size;
                rest -= change;
                moved = true;
            }
        }

        return rest;
    }

    private (long Above, long Shares) Sum(ReadOnlySpan<LawGuest> guests, Whom whom)
    {
        var (above, shares) = (0L, 0L);
        for (var i = 0; i < guests.Length; i++)
        {
            if (!IsAmong(i, whom))
                continue;
            above += _rounds[i].Size - guests[i].Min;
            shares += guests[i].Shares;
        }

        return (above, shares);
    }

    private bool IsAmong(int slot, Whom whom) => (_rounds[slot].Whom & whom) != 0 && !_rounds[slot].Done;

    private struct Round
    {
        public long Size;
        public Whom Whom;
        public bool Done;
    }
}
