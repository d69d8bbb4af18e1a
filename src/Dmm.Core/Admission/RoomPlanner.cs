using System.Collections.Immutable;

namespace Dmm.Core.Admission;

/// <summary>
/// Decides which peers give memory for a new VM. Memory is taken in this order: slack; memory that was used lately; memory kept for
/// foreseen growth; and last, memory in use, by shares and by measured harm as the arbiter does it (a level above everybody's min sinks
/// until enough lies above it). Among equals the order is: reliable peers first, then peers that give for nobody else yet (the others would
/// be waited for twice), then peers that move already, then the peers that can give most, so that few move. A peer that was slow or stuck
/// is counted on for less than it is asked for: that is the plan's margin for memory that may not come. Pure and deterministic.
/// </summary>
public static class RoomPlanner
{
    /// <summary>A peer with less trust than this comes last among equals.</summary>
    private const double Sure = 0.5;

    /// <summary>The time until a peer hears of its part and moves, and until the host knows of it.</summary>
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(0.3);

    /// <summary>
    /// A peer is asked for at most this part of what it can give by the deadline: a plan that uses all the time ends too late.
    /// </summary>
    private const double InTime = 0.8;

    /// <param name="goal">The amount to gather, including what is free.</param>
    /// <param name="missing">The part of <paramref name="goal"/> that is not there yet.</param>
    /// <param name="levels">The size down to which other plans take each VM already; memory above it belongs to those plans.</param>
    /// <param name="left">The time until the deadline.</param>
    /// <param name="harmWeight">
    /// The factor on the shares of the VM that a lack of memory hurts most; the other VMs get less, down to 1.
    /// </param>
    /// <returns>Null where its peers can't give it.</returns>
    public static RoomPlan? Make(
        MemorySize goal, MemorySize missing, IReadOnlyList<Peer> peers, IReadOnlyDictionary<VmId, MemorySize> levels, ISet<VmId> moving,
        TimeSpan left, MemorySize step,
        double harmWeight)
    {
        // First plan only with what each peer can give in time. If that is not enough, plan with all that it can give, and be late.
        var limits = left > Delay ? left - Delay : TimeSpan.Zero;
        return Make(goal, missing, peers, levels, moving, limits, left, step, harmWeight)
            ?? Make(goal, missing, peers, levels, moving, null, left, step, harmWeight);
    }

    /// <summary>Returns what these peers could give together, as far as they are counted on.</summary>
    public static MemorySize Most(IReadOnlyList<Peer> peers, IReadOnlyDictionary<VmId, MemorySize> levels, MemorySize step)
    {
        var sum = MemorySize.Zero;
        foreach (var peer in peers)
        {
            if (peer.Gives)
                sum += Counted(LevelOf(peer, levels).MinusOrZero(peer.FloorOf(GiveKind.InUse, step)), peer.ShrinkHistory.Trust);
        }

        return sum;
    }

    /// <summary>Returns how much of a plan can still be counted on.</summary>
    public static MemorySize Covers(
        RoomPlan plan, IReadOnlyDictionary<VmId, Peer> peers, IReadOnlyDictionary<VmId, MemorySize> levels, MemorySize step)
    {
        var sum = MemorySize.Zero;
        foreach (var part in plan.From)
        {
            if (peers.TryGetValue(part.Vm, out var peer))
                sum += Outstanding(part, peer, levels, step);
        }

        return sum;
    }

    /// <summary>Returns how long the outstanding memory takes at the pace at which it comes now.</summary>
    public static TimeSpan Takes(RoomPlan plan, IReadOnlyDictionary<VmId, Peer> peers) => plan.From
        .Select(part => peers.TryGetValue(part.Vm, out var peer) ? peer.ShrinkHistory.TimeFor(part.Outstanding(peer.Bid.Held))
            : TimeSpan.Zero)
        .DefaultIfEmpty().Max();

    private static MemorySize Outstanding(Contribution part, Peer peer, IReadOnlyDictionary<VmId, MemorySize> levels, MemorySize step)
    {
        var outstanding = part.Outstanding(LevelOf(peer, levels));
        if (!peer.Heard)
            return outstanding;
        // A peer does not give what it now needs itself, unless it was asked for memory in use.
        if (!peer.Gives || part.To < peer.Bid.Min || (part.Kind < GiveKind.Headroom && peer.Bid.Want > part.To + step))
            return MemorySize.Zero;
        // The peer may have less to spare than before.
        return Counted(MemorySize.Min(outstanding, peer.Spare + step), peer.ShrinkHistory.Trust);
    }

    /// <summary>
    /// Returns the part of a gift that is counted on. Rounds up to the byte: an amount that was asked for because it is just enough must
    /// count as enough.
    /// </summary>
    private static MemorySize Counted(MemorySize size, double trust) => MemorySize.FromBytes(Math.Ceiling(size.Bytes * trust));

    private static MemorySize LevelOf(Peer peer, IReadOnlyDictionary<VmId, MemorySize> levels) =>
        levels.TryGetValue(peer.Bid.Vm, out var level) ? MemorySize.Min(level, peer.Bid.Held) : peer.Bid.Held;

    private static RoomPlan? Make(
        MemorySize goal, MemorySize missing, IReadOnlyList<Peer> peers, IReadOnlyDictionary<VmId, MemorySize> levels, ISet<VmId> moving,
        TimeSpan? limit, TimeSpan left,
        MemorySize step, double harmWeight)
    {
        var givers = peers.Where(peer => peer.Gives).Select(peer => new Giving(peer, LevelOf(peer, levels), limit)).ToArray();
        foreach (var kind in Enum.GetValues<GiveKind>())
        {
            missing = kind == GiveKind.InUse ? Level(givers, missing, step, harmWeight) : Take(givers, missing, kind, levels, moving, step);
            if (missing.IsZero)
                break;
        }

        if (!missing.IsZero)
            return null;
        var parts = givers.Where(g => g.Level < g.From).OrderBy(g => g.Vm).Select(g => new Contribution(g.Vm, g.From, g.Level, g.Kind))
            .ToImmutableArray();
        var expected = Delay + givers.Where(g => g.Level < g.From).Select(g => g.Peer.ShrinkHistory.TimeFor(g.From - g.Level))
            .DefaultIfEmpty().Max();
        return new(goal, parts, expected, expected > left);
    }

    private static MemorySize Take(
        Giving[] givers, MemorySize missing, GiveKind kind, IReadOnlyDictionary<VmId, MemorySize> levels, ISet<VmId> moving,
        MemorySize step)
    {
        var line = givers
            .Select(g => (Giving: g, Part: g.Level.MinusOrZero(g.FloorOf(kind, step))))
            .Where(g => g.Part >= MemorySize.Min(step, missing) && !g.Part.IsZero)
            .OrderBy(g => g.Giving.Trust < Sure)
            .ThenBy(g => levels.ContainsKey(g.Giving.Vm))
            .ThenByDescending(g => moving.Contains(g.Giving.Vm))
            .ThenByDescending(g => g.Part)
            .ThenByDescending(g => g.Giving.Trust)
            .ThenBy(g => g.Giving.Vm);
        foreach (var (giver, part) in line)
        {
            var asked = MemorySize.Min(part, missing.Scale(1 / giver.Trust).RoundUp(step));
            missing = missing.MinusOrZero(giver.Give(asked, kind));
            if (missing.IsZero)
                break;
        }

        return missing;
    }

    /// <summary>
    /// Takes memory in use. A level above everybody's min, in bytes per share, sinks until the memory above it is enough.
    /// </summary>
    private static MemorySize Level(Giving[] givers, MemorySize missing, MemorySize step, double harmWeight)
    {
        var most = givers.Select(g => g.HarmOfEachMiB).DefaultIfEmpty().Max();
        foreach (var giver in givers)
            giver.Weight = giver.Peer.Bid.Shares * (most > 0 ? 1 + ((harmWeight - 1) * giver.HarmOfEachMiB / most) : 1);
        double Gives(double level) => givers.Sum(g => Counted(g.AboveLevel(level, step), g.Trust).Bytes);
        if (Gives(0) < missing.Bytes)
            return missing;
        var (low, high) = (0.0, givers.Max(g => g.Level.MinusOrZero(g.Peer.Bid.Min).Bytes / g.Weight));
        for (var i = 0; i < 50; i++)
        {
            var middle = (low + high) / 2;
            (low, high) = Gives(middle) >= missing.Bytes ? (middle, high) : (low, middle);
        }

        foreach (var giver in givers)
            missing = missing.MinusOrZero(giver.Give(giver.AboveLevel(low, step), GiveKind.InUse));
        return missing;
    }

    private sealed class Giving(Peer peer, MemorySize from, TimeSpan? limit)
    {
        private readonly MemorySize _inTime = limit is { } time
        ? from.MinusOrZero(peer.ShrinkHistory.Pace.Scale(time.TotalSeconds * InTime)) : MemorySize.Zero;

        public Peer Peer => peer;

        public VmId Vm => peer.Bid.Vm;

        public double Trust => peer.ShrinkHistory.Trust;

        public MemorySize From { get; } = from;

        public MemorySize Level { get; private set; } = from;

        public GiveKind Kind { get; private set; }

        public double Weight { get; set; }

        public double HarmOfEachMiB =>
            peer.Bid.Harm > 0 ? peer.Bid.Harm / Math.Max(1, peer.Bid.Want.MinusOrZero(peer.Bid.Held).Mebibytes) : 0;

        public MemorySize FloorOf(GiveKind kind, MemorySize step) => MemorySize.Max(peer.FloorOf(kind, step), _inTime);

        public MemorySize AboveLevel(double level, MemorySize step)
        {
            var floor = FloorOf(GiveKind.InUse, step);
            var to = MemorySize.Max(floor, peer.Bid.Min + MemorySize.FromBytes(level * Weight));
            return Level.MinusOrZero(to > floor ? MemorySize.Max(floor, to.RoundDown(step)) : floor);
        }

        /// <summary>Takes this much from the peer; returns the part of it that is counted on.</summary>
        public MemorySize Give(MemorySize size, GiveKind kind)
        {
            if (size.IsZero)
                return MemorySize.Zero;
            Level -= size;
            Kind = kind;
            return Counted(size, Trust);
        }
    }
}
