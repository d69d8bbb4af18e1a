using System.Collections.Immutable;
using Dmm.Core.Laws;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>
/// Runs another control law instead of the arbiter (<c>dmm.policy</c>): turns the VMs' reports into what the law may see of them, lets it
/// decide at its own period and on the events that it reacts to, and turns its targets into a plan. No clock and no I/O; its state is which
/// VM has which slot, the last targets, and what the law has learnt.
/// </summary>
public sealed class LawPlanner(ILaw law)
{
    /// <summary>
    /// DMM does not move a VM by less than its own step. A law's steps may be smaller, so they are taken as they are, in whole MiB.
    /// </summary>
    public static readonly MemorySize Step = MemorySize.FromMiB(1);

    private readonly Dictionary<VmId, int> _slots = [];
    private LawGuest[] _guests = [];
    private long[] _targets = [];
    private Moment? _began;
    private TimeSpan _due;

    public bool HearsPressure => (law.Hears & LawEvents.Pressure) != 0;

    /// <param name="bids">As for the arbiter. The wants in them are DMM's own estimate and are not shown to the law.</param>
    /// <param name="budget">Memory for all guests together.</param>
    /// <returns>The allotments, in the order of the bids.</returns>
    public Allotment[] Plan(
        IReadOnlyList<Bid> bids, MemorySize budget, IReadOnlyDictionary<VmId, VmRecord> vms,
        IReadOnlyDictionary<VmId, VmProtocol.Report> reports, Moment at)
    {
        var (held, urgent, population) = (MemorySize.Zero, false, LeaveSlots(bids));
        foreach (var bid in bids)
        {
            held += bid.Held;
            urgent |= bid.Urgent;
            population |= Look(bid, vms[bid.Vm], reports.GetValueOrDefault(bid.Vm));
        }

        var now = at - (_began ??= at);
        var heard = law.Hears & ((urgent ? LawEvents.Pressure : LawEvents.None) | (population ? LawEvents.Population : LawEvents.None));
        if (IsDue(now) || heard != LawEvents.None)
            law.Decide(now, heard, new(budget.Bytes, held.Bytes), _guests, _targets);
        return [.. bids.Select(bid => Of(bid, vms[bid.Vm]))];
    }

    private Allotment Of(in Bid bid, VmRecord vm)
    {
        if (!bid.Movable)
            return new(bid.Vm, bid.Held, Ruling.Immovable, false);
        // An operator's target overrides every law.
        var target = vm.OperatorTarget is not null ? bid.Want : new MemorySize(_targets[_slots[bid.Vm]]).Clamp(bid.Min, bid.Max);
        return new(bid.Vm, target, Ruling.Policy, HearsPressure && bid.Urgent && target > bid.Held);
    }

    /// <summary>Whether the law decides now. A law without a period decides whenever a plan is made.</summary>
    private bool IsDue(TimeSpan now)
    {
        if (now < _due)
            return false;
        while (law.Period > TimeSpan.Zero && _due <= now)
            _due += law.Period;
        return true;
    }

    /// <summary>Frees the slots of VMs that are gone; returns whether there were any.</summary>
    private bool LeaveSlots(IReadOnlyList<Bid> bids)
    {
        var gone = _slots.Keys.Except(bids.Select(static bid => bid.Vm)).ToImmutableArray();
        foreach (var vm in gone)
        {
            _slots.Remove(vm, out var slot);
            _guests[slot] = default;
            law.Forget(slot);
        }

        return gone.Length > 0;
    }

    /// <summary>Updates what the law sees of a VM; returns whether the VM is new, or its bounds or shares have changed.</summary>
    private bool Look(in Bid bid, VmRecord vm, VmProtocol.Report? report)
    {
        if (!_slots.TryGetValue(bid.Vm, out var slot))
        {
            slot = Enumerable.Range(0, _slots.Count + 1).Except(_slots.Values).First();
            _slots[bid.Vm] = slot;
            if (slot == _guests.Length)
            {
                Array.Resize(ref _guests, slot + 1);
                Array.Resize(ref _targets, slot + 1);
            }

            _targets[slot] = bid.Held.Bytes;
        }

        var before = _guests[slot];
        _guests[slot] = report?.Sizes is { } sizes ? Seen(bid, vm, sizes, report.Sample) : default;
        var guest = _guests[slot];
        return (guest.Present, guest.Min, guest.Max, guest.Shares) != (before.Present, before.Min, before.Max, before.Shares);
    }

    /// <summary>Returns what the law sees of a guest. A guest that reports nothing looks full.</summary>
    private static LawGuest Seen(in Bid bid, VmRecord vm, VmSizes sizes, GuestSample? sample)
    {
        var available = MemorySize.Min(sizes.Actual, sample?.MemAvailable ?? MemorySize.Zero);
        var free = MemorySize.Min(sizes.Actual, sample?.MemFree ?? MemorySize.Zero);
        var swapped = sample is null ? MemorySize.Zero : sample.SwapTotal.MinusOrZero(sample.SwapFree);
        return new()
        {
            Present = true,
            Min = bid.Min.Bytes,
            Boot = (vm.Spec?.Boot ?? sizes.Base).Bytes,
            Max = bid.Max.Bytes,
            Shares = bid.Shares,
            Actual = sizes.Actual.Bytes,
            Used = (sizes.Actual.MinusOrZero(available) + swapped).Bytes,
            Free = free.Bytes,
            Cache = available.MinusOrZero(free).Bytes,
            Swapped = swapped.Bytes,
        };
    }
}
