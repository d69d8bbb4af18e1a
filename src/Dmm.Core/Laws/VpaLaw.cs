namespace Dmm.Core.Laws;

/// <summary>
/// Kubernetes' Vertical Pod Autoscaler, its memory recommendation. Each day's peak of use goes into a histogram whose weights halve every
/// 24 h. A guest should have the 90th percentile plus 15 %, at least 250 MiB. It is resized in three cases: its size lies outside a range
/// from the 50th to the 95th percentile, each plus 15 %, which is wide while there is little history; or its size differs by 10 % or more
/// and 12 h have passed since the last resize; or it ran out of memory within 10 min of a resize or of running out before. Running out of
/// memory counts as a peak of the guest's size plus 20 %, at least plus 100 MiB. A node without room for all of a growth gives none of
/// it.
/// <para>
/// The law sees, once a minute, the memory that a guest holds. Memory that does not fit is not seen as use but as running out of memory.
/// Growth is not bounded by what the guest booted with.
/// </para>
/// <para>
/// Source: github.com/kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender (logic/recommender.go and estimator.go,
/// model/container.go and aggregations_config.go) and pkg/updater/priority. Simplified: a resize is in place and kills nothing; having to
/// swap stands for being killed for lack of memory, and the guest goes on; page cache does not count as use; days older than 16, which
/// weigh less than 1/65,000, are forgotten, and days without the guest do not count; guests are served in the order of their slots.
/// </para>
/// </summary>
/// <param name="margin">The margin above the percentile, as a part of it, 0 or more.</param>
public sealed class VpaLaw(double margin = VpaLaw.DefaultMargin) : ILaw
{
    public const double DefaultMargin = 0.15;

    private const double LeastChange = 0.1;
    private const double LowerConfidence = 0.001;
    private const long LeastSize = 250L << 20;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Settled = TimeSpan.FromHours(12);
    private static readonly TimeSpan Quick = TimeSpan.FromMinutes(10);

    private readonly double _factor = margin >= 0
        ? 1 + margin
        : throw new ArgumentOutOfRangeException(nameof(margin), margin, "The margin above the percentile must not be below 0.");

    private readonly SlotMemory<Guest> _guests = new();

    public string Name => "vpa";

    public TimeSpan Period => LookEvery;

    public LawEvents Hears => LawEvents.None;

    public bool BalloonOnly => false;

    public void Forget(int slot) => _guests.Forget(slot);

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        _guests.Reach(guests.Length);
        for (var i = 0; i < guests.Length; i++)
        {
            ref readonly var guest = ref guests[i];
            if (!guest.Present)
            {
                _guests[i].Away = true;
                continue;
            }

            targets[i] = guest.Clamp(targets[i]);
            ref var memory = ref _guests[i];
            var atOnce = memory.Look(now, guest);
            memory.Goal = guest.Clamp(Math.Max(LeastSize, _factor * memory.Peaks.P90));
            var differs = Math.Abs(memory.Goal - targets[i]) >= LeastChange * targets[i];
            memory.Due = atOnce || IsOutside(now, memory, guest, targets[i]) || (differs && now - memory.ResizedAt >= Settled);
            if (memory.Due && memory.Goal < targets[i])
                Resize(ref memory, now, ref targets[i]);
        }

        return Grow(now, host, guests, targets);
    }

    /// <summary>Gives each growth in full or not at all. Returns when to look again.</summary>
    private TimeSpan? Grow(TimeSpan now, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        var room = LawGuests.Room(host, guests, targets);
        TimeSpan? next = null;
        for (var i = 0; i < guests.Length; i++)
        {
            if (!guests[i].Present)
                continue;
            ref var memory = ref _guests[i];
            var more = memory.Goal - Math.Max(guests[i].Actual, targets[i]);
            if (memory.Due && memory.Goal > targets[i] && more <= Math.Max(0, room))
            {
                room -= Math.Max(0, more);
                Resize(ref memory, now, ref targets[i]);
            }

            if (NextLook(now, memory, guests[i], targets[i]) is { } look)
                Earlier(ref next, look);
        }

        return next;
    }

    private static void Resize(ref Guest memory, TimeSpan now, ref long target) =>
        (target, memory.ResizedAt, memory.Due) = (memory.Goal, now, false);

    /// <summary>
    /// Whether the size lies outside the allowed range. With no history at all the range reaches from the least size to infinity.
    /// </summary>
    private bool IsOutside(TimeSpan now, in Guest memory, in LawGuest guest, long size)
    {
        var days = (now - memory.Since) / VpaPeaks.Interval;
        var lower = Math.Max(LeastSize, _factor * memory.Peaks.P50 * Math.Pow(1 + (LowerConfidence / days), -2));
        var upper = Math.Max(LeastSize, _factor * memory.Peaks.P95 * (1 + (1 / days)));
        return size < guest.Clamp(lower) || size > guest.Clamp(upper);
    }

    /// <summary>
    /// When the decision can next change: a day ends, the range has become narrow enough, or the guest has kept its size for 12 h.
    /// </summary>
    private TimeSpan? NextLook(TimeSpan now, in Guest memory, in LawGuest guest, long size)
    {
        TimeSpan? next = memory.Peaks.IsFlat(memory.Seen) ? null : memory.Peaks.End;
        if (size == memory.Goal || (memory.Due && guest.Swapped <= 0))
            return next;
        if (guest.Swapped > 0)
            return now;
        if (Math.Abs(memory.Goal - size) >= LeastChange * size)
            Earlier(ref next, memory.ResizedAt + Settled);
        var upper = _factor * memory.Peaks.P95;
        if (size > upper)
            Earlier(ref next, memory.Since + (VpaPeaks.Interval * Math.Min(1000, 1 / ((size / upper) - 1))));
        var lower = _factor * memory.Peaks.P50;
        if (size < lower)
            Earlier(ref next, memory.Since + (VpaPeaks.Interval * Math.Min(1000, LowerConfidence / (Math.Sqrt(lower / size) - 1))));
        return next;
    }

    private static void Earlier(ref TimeSpan? next, TimeSpan other) => next = next is null || other < next ? other : next;

    private struct Guest
    {
        public bool Known;
        public bool Away;
        public TimeSpan Since;
        public TimeSpan ResizedAt;
        public bool WasShort;
        public TimeSpan? ShortAt;
        public VpaPeaks.Sample Seen;
        public VpaPeaks Peaks;
        public long Goal;
        public bool Due;

        /// <summary>
        /// Takes the guest's figures. Returns whether the guest is to be resized at once: it was started anew, or ran out of memory
        /// again.
        /// </summary>
        public bool Look(TimeSpan now, in LawGuest guest)
        {
            var again = Known && Away;
            if (!Known)
                (Known, Since) = (true, now);
            if (Away || !Peaks.IsBegun)
                (Away, ResizedAt, ShortAt, WasShort) = (false, now, null, false);
            if (WasShort)
                ShortAt = now - LookEvery;
            WasShort = guest.Swapped > 0;

            // Days without a call count as the last call saw the guest.
            Peaks.Advance(now, again ? null : Seen, LookEvery);
            Seen = Peaks.Take(Math.Clamp(guest.Used - guest.Swapped, 0, guest.Actual), WasShort ? guest.Actual : null);
            return again || (WasShort && (now - ResizedAt < Quick || now - ShortAt < Quick));
        }
    }
}
