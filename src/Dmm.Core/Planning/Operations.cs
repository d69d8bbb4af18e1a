using System.Collections.Immutable;
using Dmm.Core.Vms;

namespace Dmm.Core.Planning;

/// <summary>The mechanisms by which a VM moves.</summary>
[Flags]
public enum Mechanisms
{
    None = 0,
    Balloon = 1,
    Hotplug = 2,
}

/// <summary>How many VMs of a host may move at once by each mechanism. Urgent VMs have as many places of their own.</summary>
public sealed record OperationLimits(int Balloon = 32, int Hotplug = 16);

/// <summary>A VM that moves now.</summary>
public readonly record struct Operation(VmId Vm, Mechanisms Uses, bool Urgent);

/// <summary>A VM that is to move.</summary>
/// <param name="Urgent">True for a guest that is about to stall, and for a VM whose memory such a guest waits for.</param>
/// <param name="Idle">True for a shrink that no VM waits for.</param>
public readonly record struct OperationWish(VmId Vm, Mechanisms Needs, bool Urgent, bool Idle);

/// <summary>
/// The budget of operations in flight: a target that finds no place is held back. It is promised all the same (it is in the journal and
/// counts in the claim), but the VM is not told of it yet. Urgent operations have as many places of their own as ordinary ones, so that
/// they never wait for those. The VM that has waited longest comes first; idle shrinks come after all others until they have waited for
/// <see cref="IdleFor"/>. A VM that lacks a place in one mechanism still takes its place in the other, so that it can't be overtaken
/// there for ever.
/// </summary>
public sealed record Operations
{
    /// <summary>An idle shrink that has waited this long ranks like any other operation.</summary>
    public static readonly TimeSpan IdleFor = TimeSpan.FromSeconds(10);

    /// <summary>The VMs that move.</summary>
    public ImmutableArray<Operation> InFlight { get; init; } = [];

    /// <summary>The VMs that wait for a place, and since when.</summary>
    public ImmutableSortedDictionary<VmId, Moment> Held { get; init; } = ImmutableSortedDictionary<VmId, Moment>.Empty;

    /// <param name="underWay">
    /// The VMs that move now. A VM that has arrived, is stuck, uncooperative, lost or gone is not among them, and so returns its place.
    /// </param>
    /// <param name="wishes">The VMs that are to move and do not yet.</param>
    /// <returns>The VMs that may begin, and the operations from then on.</returns>
    public (ImmutableArray<VmId> Begin, Operations Next) Decide(
        IEnumerable<Operation> underWay, IReadOnlyCollection<OperationWish> wishes, OperationLimits limits, Moment now)
    {
        var inFlight = underWay.ToImmutableArray().ToBuilder();
        var (calm, urgent) = (new Places(limits), new Places(limits));
        foreach (var operation in inFlight)
            (operation.Urgent ? urgent : calm).Take(operation.Uses);

        var held = ImmutableSortedDictionary.CreateBuilder<VmId, Moment>();
        var begin = ImmutableArray.CreateBuilder<VmId>();
        var line = wishes
            .Select(wish => (Wish: wish, Since: Held.TryGetValue(wish.Vm, out var since) ? since : now))
            .OrderBy(w => !w.Wish.Urgent && w.Wish.Idle && now - w.Since < IdleFor)
            .ThenBy(w => w.Since)
            .ThenBy(w => w.Wish.Vm);
        foreach (var (wish, since) in line)
        {
            var places = wish.Urgent ? urgent : calm;
            if (places.Have(wish.Needs))
            {
                begin.Add(wish.Vm);
                inFlight.Add(new(wish.Vm, wish.Needs, wish.Urgent));
            }
            else
            {
                held.Add(wish.Vm, since);
            }

            places.Take(wish.Needs);
        }

        return (begin.ToImmutable(), new() { InFlight = inFlight.ToImmutable(), Held = held.ToImmutable() });
    }

    /// <summary>The mechanisms that a VM needs to reach a target.</summary>
    public static Mechanisms Needs(VmSizes sizes, VmCapabilities can, MemorySize target, MemorySize spark, MemorySize tolerance)
    {
        if (Ladder.Distance(sizes.Actual, target) <= tolerance)
            return Mechanisms.None;
        var layout = MemoryLayout.For(sizes.Base, can.PluggableMax, can.BlockSize, can.Balloon, target, can.Balloon ? spark
            : MemorySize.Zero, sizes.Plugged);
        return (Ladder.Distance(layout.Plugged, sizes.Plugged) > tolerance ? Mechanisms.Hotplug : Mechanisms.None)
            | (Ladder.Distance(layout.Ballooned, sizes.Ballooned) > tolerance ? Mechanisms.Balloon : Mechanisms.None);
    }

    private sealed class Places(OperationLimits limits)
    {
        private int _balloon = limits.Balloon;
        private int _hotplug = limits.Hotplug;

        public bool Have(Mechanisms needs) =>
            (!needs.HasFlag(Mechanisms.Balloon) || _balloon > 0) && (!needs.HasFlag(Mechanisms.Hotplug) || _hotplug > 0);

        public void Take(Mechanisms uses)
        {
            _balloon -= uses.HasFlag(Mechanisms.Balloon) ? 1 : 0;
            _hotplug -= uses.HasFlag(Mechanisms.Hotplug) ? 1 : 0;
        }
    }
}
