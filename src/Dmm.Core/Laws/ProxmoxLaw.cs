namespace Dmm.Core.Laws;

/// <summary>
/// Proxmox VE's automatic ballooning. Every 10 s its statistics daemon looks how far the host's memory in use is from 80 %. What is missing
/// or too much by more than 10 MiB is shared out so that what guests have above their mins stands as their shares do; a guest moves 100 MiB
/// a round at most. When there is memory to give, guests with little free memory (at most a quarter of their min) come first, when it is to
/// be taken, those with more; the others only where that moves nobody. A guest above its part gives even while the host has memory to
/// spare.
/// <para>
/// It sees of a guest what balloon statistics give: its size and MemFree, so that page cache counts as used. Balloon only.
/// </para>
/// <para>
/// Source: pve-manager, PVE/AutoBalloon.pm (compute_alg1) and PVE/Service/pvestatd.pm (auto_balloning). Simplified: the host is what guests
/// may have altogether and is used by guests alone, without the host's own programs and caches; guests are taken by slot, where the
/// original takes them in the order of a hash.
/// </para>
/// </summary>
/// <param name="hostUse">The part of the host's memory that it fills, 0 to 1.</param>
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

    /// <summary>It keeps no memory of its guests.</summary>
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
            // Where it sees nothing to change it says nothing, and what was said last stands.
            var target = _rounds[i].Size != guests[i].Actual ? _rounds[i].Size : targets[i];
            targets[i] = guests[i].ClampToBalloon(target);
        }

        return null;
    }

    /// <summary>Shares <paramref name="bytes"/> out among some of the guests. Returns what could not be.</summary>
    private long Share(ReadOnlySpan<LawGuest> guests, long bytes, long rest, Whom whom)
    {
        for (var i = 0; i < guests.Length; i++)
            _rounds[i].Done = false;

        // What is already given and what is left to give have one sum, so a further round moves something only after a guest fell out of
        // the sharing.
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
