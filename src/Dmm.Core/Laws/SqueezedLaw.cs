namespace Dmm.Core.Laws;

/// <summary>
/// squeezed of XenServer and XCP-ng: proportional, and blind to what guests need. Every guest's target is min + γ × (max − min), with one
/// γ for all, such that the host is full except for a small pool. The law decides anew when a guest comes or goes and while memory moves.
/// First it tells the guests that give; only when all have given does it tell those that get. A guest that does not move towards its
/// target for more than 5 s is passed over: the others share what it does not give or take.
/// <para>
/// The law sees only the size of a guest. A XenServer guest is started with a balloon that lets it reach its maximum later, so growth is
/// not bounded by what the guest booted with.
/// </para>
/// <para>
/// Source: github.com/xapi-project/xen-api, ocaml/squeezed/lib/squeeze.ml and src/squeeze_xen.ml (the pool of 64 MiB). Simplified:
/// balloon drivers are exact to within the 4 KiB by which a target counts as hit; a guest that was passed over counts again when it moves
/// or when another guest comes or goes, not at the daemon's next attempt to balance the host.
/// </para>
/// </summary>
/// <param name="pool">Memory kept free, bytes.</param>
public sealed class SqueezedLaw(long pool = SqueezedLaw.DefaultPool) : ILaw
{
    public const long DefaultPool = 64L << 20;

    private const long Inaccuracy = 4L << 10;
    private static readonly TimeSpan StuckAfter = TimeSpan.FromSeconds(5);

    private readonly long _pool = pool >= 0 ? pool
        : throw new ArgumentOutOfRangeException(nameof(pool), pool, "What is kept free must not be below 0.");

    private readonly SlotMemory<Progress> _progress = new();

    public string Name => "squeezed";

    /// <summary>The period while memory moves: one second. Otherwise the law is at rest.</summary>
    public TimeSpan Period => TimeSpan.FromSeconds(1);

    public LawEvents Hears => LawEvents.Population | LawEvents.Confirmed;

    public bool BalloonOnly => false;

    public void Forget(int slot) => _progress.Forget(slot);

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        _progress.Reach(guests.Length);
        var (spare, range) = (host.Memory - host.Used - _pool, 0L);
        for (var i = 0; i < guests.Length; i++)
        {
            if (!guests[i].Present)
            {
                _progress.Forget(i);
                continue;
            }

            targets[i] = guests[i].Clamp(targets[i]);
            Watch(i, now, why, guests[i], targets[i]);
            if (_progress[i].Stuck)
                continue;
            spare += Math.Max(0, guests[i].Actual - guests[i].Min);
            range += guests[i].Max - guests[i].Min;
        }

        var gamma = range > 0 ? Math.Clamp(spare / (double)range, 0, 1) : 0;
        Tell(now, guests, targets, gamma, AnyGives(guests, gamma));
        return NextLook(guests, targets);
    }

    private static long TargetOf(in LawGuest guest, double gamma) => guest.Min + (long)(gamma * (guest.Max - guest.Min));

    private static bool Gives(in LawGuest guest, double gamma) => guest.Actual - TargetOf(guest, gamma) > Inaccuracy;

    private static bool IsHit(in LawGuest guest, long target) => Math.Abs(guest.Actual - target) <= Inaccuracy;

    private bool AnyGives(ReadOnlySpan<LawGuest> guests, double gamma)
    {
        for (var i = 0; i < guests.Length; i++)
        {
            if (guests[i].Present && !_progress[i].Stuck && Gives(guests[i], gamma))
                return true;
        }

        return false;
    }

    private void Tell(TimeSpan now, ReadOnlySpan<LawGuest> guests, Span<long> targets, double gamma, bool giving)
    {
        for (var i = 0; i < guests.Length; i++)
        {
            if (!guests[i].Present || _progress[i].Stuck || Gives(guests[i], gamma) != giving)
                continue;
            var wasHit = IsHit(guests[i], targets[i]);
            targets[i] = TargetOf(guests[i], gamma);
            if (wasHit)
                _progress[i].At = now;
        }
    }

    /// <summary>
    /// Notes whether the guest still moves towards its target. The time limit counts from the last movement, or from the last moment at
    /// which the guest was at its target.
    /// </summary>
    private void Watch(int slot, TimeSpan now, LawEvents why, in LawGuest guest, long target)
    {
        ref var progress = ref _progress[slot];
        var moved = guest.Actual - progress.Actual;
        var known = progress.Known;
        (progress.Known, progress.Actual) = (true, guest.Actual);
        if (!known || (why & LawEvents.Population) != 0 || IsHit(guest, target) || (target > guest.Actual ? moved > 0 : moved < 0))
            (progress.At, progress.Stuck) = (now, false);
        else if (now - progress.At > StuckAfter)
            progress.Stuck = true;
    }

    /// <summary>When the next guest that does not move will be passed over; null where none is to be watched.</summary>
    private TimeSpan? NextLook(ReadOnlySpan<LawGuest> guests, ReadOnlySpan<long> targets)
    {
        TimeSpan? next = null;
        for (var i = 0; i < guests.Length; i++)
        {
            if (!guests[i].Present || _progress[i].Stuck || IsHit(guests[i], targets[i]))
                continue;
            var stuck = _progress[i].At + StuckAfter + TimeSpan.FromTicks(1);
            if (next is null || stuck < next)
                next = stuck;
        }

        return next;
    }

    private struct Progress
    {
        public bool Known;
        public bool Stuck;
        public long Actual;

        /// <summary>When the guest was last seen to move, or at its target.</summary>
        public TimeSpan At;
    }
}
