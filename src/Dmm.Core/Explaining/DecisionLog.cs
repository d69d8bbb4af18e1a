using System.Collections.Immutable;
using Dmm.Core.Hosts;
using Dmm.Core.Planning;

namespace Dmm.Core.Explaining;

/// <summary>How much is kept (settings <c>dmm.explain</c>).</summary>
/// <param name="Keep">Decisions older than this are dropped, except the last of each VM.</param>
/// <param name="Most">The number of decisions of all VMs together.</param>
public sealed record ExplainKeep(TimeSpan Keep, int Most)
{
    public static ExplainKeep Default { get; } = new(TimeSpan.FromDays(1), 20_000);
}

/// <summary>
/// The recent decisions, one line (history) for each VM; only decisions that say something new are kept. Bounded: all VMs have an equal
/// part of <see cref="ExplainKeep.Most"/>, but at least <see cref="Fewest"/>, so that a VM whose decisions change all the time takes
/// nothing from the others. VMs that are gone stay for a while, as long as they are few. Not thread-safe; time comes with the plans.
/// </summary>
public sealed class DecisionLog(ExplainKeep keep)
{
    public const int Fewest = 8;

    /// <summary>The most decisions of one VM, however few VMs there are.</summary>
    public const int MostOfOne = 1_000;

    /// <summary>The most VMs that are gone and still remembered.</summary>
    public const int Gone = 100;

    /// <summary>Memory that changed hands is summed up over this time.</summary>
    public static readonly TimeSpan Late = TimeSpan.FromMinutes(10);

    private const int Changes = 5;

    private readonly Dictionary<VmId, Line> _lines = [];
    private int _room = MostOfOne;

    /// <summary>The number of decisions kept, of all VMs.</summary>
    public int Count => _lines.Values.Sum(line => line.Kept.Count);

    public void Take(Planned planned)
    {
        var payments = ByVm(Payments.Of(planned.Plan.Changes));
        var waits = planned.Plan.Waits.IsEmpty ? null : planned.Plan.Waits.ToDictionary(w => w.Vm);
        var changed = planned.Tick ? null : planned.Plan.Changes.Select(c => c.Vm).ToHashSet();
        for (var i = 0; i < planned.Plan.Bids.Count; i++)
        {
            var (bid, allotment) = (planned.Plan.Bids[i], planned.Plan.Allotments[i]);

            // Plans between two ticks are made for few VMs; other changes are seen at the next tick.
            if (changed is not null && !bid.Urgent && !changed.Contains(bid.Vm))
                continue;
            if (!planned.State.Vms.TryGetValue(bid.Vm, out var vm))
                continue;
            Take(Decision.Of(new(planned, vm, bid, allotment, waits?.GetValueOrDefault(bid.Vm)), payments is not null
                && payments.TryGetValue(bid.Vm, out var own) ? own.ToImmutable() : []), bid.Vm);
        }

        if (planned.Tick)
            Age(planned);
    }

    /// <param name="at">
    /// A time by the wall clock as it went then. If the wall clock showed that time more than once, the last counts. Null: now, by the last
    /// plan, whatever the wall clock shows.
    /// </param>
    public Explanation Explain(VmId vm, DateTimeOffset? at, Clocks now)
    {
        var asked = at is { } wall ? new(now.MomentOf(wall), wall) : now;
        if (!_lines.TryGetValue(vm, out var line))
            return new(vm, asked, null, null);
        var since = line.Kept[0].At;
        var index = at is null ? line.Kept.Count - 1 : line.Kept.FindLastIndex(d => d.At.Wall <= at);
        if (index < 0 || (at is null ? line.GoneAt is not null : line.GoneAt?.Wall <= at))
            return new(vm, asked, null, since);
        var past = line.Kept.GetRange(0, index + 1);
        var last = index == line.Kept.Count - 1 && !(at < line.Latest.At.Wall) ? line.Latest : past[^1];
        if (at is { } then)
            asked = new(last.At.Now + (then - last.At.Wall), then);
        var from = asked.Now - Late;
        var late = past.SkipWhile(d => d.At.Now < from).ToList();
        return new(vm, asked, last, since)
        {
            Before = [.. Enumerable.Reverse(past).Where(d => !d.Payments.IsEmpty).Take(Changes)],
            Got = Sum(late, p => p.To == vm, p => p.From),
            Gave = Sum(late, p => p.From == vm, p => p.To),
            Until = line.Until,
            While = since.Now > from ? asked.Now - since.Now : Late,
        };
    }

    private static Moves? Sum(List<Decision> late, Func<Payment, bool> mine, Func<Payment, VmId?> peer)
    {
        var parts = late.SelectMany(d => d.Payments.Where(mine).Select(p => (d.At, Payment: p))).ToList();
        return parts.Count == 0
            ? null
            : new(
                Total(parts.Select(p => p.Payment)),
                parts[^1].At,
                [.. parts.Select(p => p.Payment).GroupBy(peer).Select(g => new Share(g.Key, Total(g))).OrderByDescending(s => s.Size)
                    .ThenBy(s => s.Peer?.Name, StringComparer.Ordinal)]);
    }

    private static MemorySize Total(IEnumerable<Payment> payments) => payments.Aggregate(MemorySize.Zero, static (sum, p) => sum + p.Size);

    private static Dictionary<VmId, ImmutableArray<Payment>.Builder>? ByVm(ImmutableArray<Payment> payments)
    {
        if (payments.IsEmpty)
            return null;
        var all = new Dictionary<VmId, ImmutableArray<Payment>.Builder>();
        foreach (var payment in payments)
        {
            Add(payment.From, payment);
            Add(payment.To, payment);
        }

        return all;

        void Add(VmId? vm, Payment payment)
        {
            if (vm is not { } id)
                return;
            if (!all.TryGetValue(id, out var own))
                all[id] = own = ImmutableArray.CreateBuilder<Payment>();
            own.Add(payment);
        }
    }

    private void Take(Decision decision, VmId vm)
    {
        // A new VM of the same name has its own history.
        if (!_lines.TryGetValue(vm, out var line) || line.GoneAt is not null)
        {
            _lines[vm] = new(decision);
            MakeRoom();
            return;
        }

        line.Latest = decision;
        if (!decision.Tells(line.Kept[^1]))
            return;
        line.Kept.Add(decision);

        // Removes in blocks: otherwise a full line would move all its entries for each new one.
        if (line.Kept.Count > _room + (_room / 8))
            line.Kept.RemoveRange(0, line.Kept.Count - _room);
    }

    /// <summary>
    /// Sets the room of each line. A line may exceed its room by an eighth (one block), and that counts towards the total.
    /// </summary>
    private void MakeRoom()
    {
        var room = Math.Clamp(keep.Most / _lines.Count * 8 / 9, Fewest, MostOfOne);
        if (room < _room)
        {
            foreach (var line in _lines.Values.Where(line => line.Kept.Count > room))
                line.Kept.RemoveRange(0, line.Kept.Count - room);
        }

        _room = room;
    }

    private void Age(Planned planned)
    {
        var oldest = planned.At.Now - keep.Keep;
        foreach (var (vm, line) in _lines)
        {
            line.GoneAt = planned.State.Vms.ContainsKey(vm) ? null : line.GoneAt ?? planned.At;

            // The last decision before that time still tells how things stood then.
            if (line.Kept.Count > 1 && line.Kept[1].At.Now <= oldest)
                line.Kept.RemoveRange(0, line.Kept.FindLastIndex(d => d.At.Now <= oldest));
        }

        var gone = _lines.Where(l => l.Value.GoneAt is not null).OrderByDescending(l => l.Value.GoneAt?.Now)
            .Select((l, i) => (l.Key, Old: i >= Gone || l.Value.GoneAt?.Now < oldest)).ToList();
        foreach (var (vm, _) in gone.Where(g => g.Old))
            _lines.Remove(vm);
        if (gone.Exists(g => g.Old) && _lines.Count > 0)
            MakeRoom();
    }

    private sealed class Line(Decision first)
    {
        public List<Decision> Kept { get; } = [first];

        /// <summary>The decision of the last plan, whether it says anything new or not.</summary>
        public Decision Latest
        {
            get;
            set
            {
                field = value;
                Until = value.At.Wall > Until ? value.At.Wall : Until;
            }
        } = first;

        /// <summary>The latest time that the wall clock ever showed at a plan; it may have been set back since.</summary>
        public DateTimeOffset Until { get; private set; } = first.At.Wall;

        public Clocks? GoneAt { get; set; }
    }
}
