namespace Dmm.Core.Vms;

/// <summary>
/// What may be asked of a VM's balloon and hotplug device now. Up: deflate, then plug; both at once when urgent. Down: unplug, then
/// inflate; where an unplug is stuck the balloon takes the rest. Three rules hold in every state: what is asked never adds up to more than
/// the target; nothing is taken beyond what the guest said, after its last movement, that it can spare; and no more is plugged at once than
/// the guest can pay page metadata for.
/// </summary>
public static class Ladder
{
    private static readonly MemorySize FewBlocks = MemorySize.FromMiB(16);

    public static IEnumerable<VmEvent> Asks(VmMemory state, Moment now)
    {
        if (state is not { Target: { } target, Sizes: { } sizes, Capabilities: { } can })
            return [];
        // A rescue DIMM that is on its way is promised already: what else is asked for leaves room for it.
        var rescue = Rescue(state, sizes, can, target, now);
        sizes = sizes with { Base = sizes.Base + state.RescueDue + rescue };
        var layout = LayoutOf(state, sizes, can, target);
        var reachable = Reachable(state, target);
        var (plug, balloon) = Distance(state.Actual, reachable) <= state.Profile.Tolerance ? Armed(state, sizes, layout, now)
            : state.Actual < reachable ? Up(state, sizes, target, layout)
            : Down(state, sizes, target, layout, now);
        // To be plugged costs a guest its last pages before the DIMM is of use to it: one was seen to meet its OOM killer so.
        if (!rescue.IsZero || IsBeingRescued(state, now))
            plug = MemorySize.Min(plug, sizes.Plugged);
        (plug, balloon) = Bounded(sizes, target, plug, balloon, BlockOf(state));
        return [.. Changed(state, sizes, plug, balloon, reachable, now), .. Added(state, sizes, can, target, rescue, now)];
    }

    private static MemoryLayout LayoutOf(VmMemory state, VmSizes sizes, VmCapabilities can, MemorySize target) => MemoryLayout.For(
        sizes.Base, MostPlugged(state, can), can.BlockSize, can.Balloon, target, can.Balloon ? state.SparkWanted : MemorySize.Zero,
        HeldOf(state, sizes, target));

    /// <summary>
    /// What counts as plugged already, where a part of a block is wanted. A block that was asked back counts as gone, though its guest has
    /// not given it yet, unless the VM has less than its target without more being taken: seen with it and without it the same target would
    /// turn it round without end.
    /// </summary>
    private static MemorySize HeldOf(VmMemory state, VmSizes sizes, MemorySize target) => state.Actual + state.Profile.Tolerance < target
        ? sizes.Plugged
        : MemorySize.Min(sizes.Plugged, sizes.PluggedTarget);

    /// <summary>
    /// A guest that has nothing left, in memory or in its balloon, can't pay for what it is plugged: one DIMM at a time saves it, as long
    /// as the target has room for it. It may be too far gone to tell anything newer.
    /// </summary>
    private static MemorySize Rescue(VmMemory state, VmSizes sizes, VmCapabilities can, MemorySize target, Moment now)
    {
        var profile = state.Profile;
        var exhausted = state.Available < profile.RescueBelow && sizes.Ballooned < profile.RescueBelow
            && now - state.AvailableAt < profile.UncooperativeAfter
            && (state.AvailableAt >= state.MovedAt || state.Tries > 0);
        return exhausted && !can.RescueSize.IsZero && state.RescueDue.IsZero && now - state.RescueAt >= profile.PokeAfter
            && state.Actual + can.RescueSize <= target
            ? can.RescueSize
            : MemorySize.Zero;
    }

    /// <summary>
    /// A DIMM is on its way, or has come and the guest has not told since what it has; for so long as an answer may take.
    /// </summary>
    private static bool IsBeingRescued(VmMemory state, Moment now) => !state.RescueDue.IsZero
        || (now - state.RescueAt < state.Profile.PokeAfter && state.AvailableAt < state.MovedAt + state.Profile.SampleLatency);

    /// <summary>
    /// What is given by one device leaves room for what the other may still become: it moves while the calls are on their way, and each is
    /// carried out alone.
    /// </summary>
    private static (MemorySize Plug, MemorySize Balloon) Bounded(
        VmSizes sizes, MemorySize target, MemorySize plug, MemorySize balloon, MemorySize block)
    {
        var heldBack = MemorySize.Min(balloon, MemorySize.Min(sizes.Ballooned, sizes.BalloonedTarget));
        if (plug > sizes.Plugged)
            plug = MemorySize.Max(sizes.Plugged, MemorySize.Min(plug, (target + heldBack).MinusOrZero(sizes.Base).RoundDown(block)));
        var given = MemorySize.Max(plug, sizes.PluggedMost);
        if (balloon < sizes.Ballooned)
            balloon = MemorySize.Min(sizes.Ballooned, MemorySize.Max(balloon, (sizes.Base + given).MinusOrZero(target)));
        return (plug, balloon);
    }

    private static IEnumerable<VmEvent> Added(
        VmMemory state, VmSizes sizes, VmCapabilities can, MemorySize target, MemorySize rescue, Moment now)
    {
        // The guest may take at any moment what it was told to plug before: the DIMM comes once that has been told less.
        if (!rescue.IsZero && state.Ceiling + rescue <= target)
            yield return new VmEvent.RescueAsked(sizes.Base, now);
        var wanted = MemorySize.Min(state.Max.MinusOrZero(sizes.Base).RoundUp(BlockOf(state)), can.ExtendableTo);
        if (wanted > can.PluggableMax && now >= state.NextExtendAt)
            yield return new VmEvent.ExtensionAsked(wanted, now);
    }

    /// <summary>What can be plugged by the devices, and what the guest can be expected to accept.</summary>
    private static MemorySize MostPlugged(VmMemory state, VmCapabilities can)
    {
        if (state is not { Hello: { } hello, Sizes: { } sizes })
            return can.PluggableMax;
        var accepted = sizes.Plugged.MinusOrZero(state.Unaccepted);
        var most = GuestGrowth.MostPlugged(hello, sizes.Base, accepted, state.Profile) ?? can.PluggableMax;
        return MemorySize.Min(can.PluggableMax, MemorySize.Max(most, accepted));
    }

    /// <summary>The size nearest to <paramref name="wanted"/> that this VM's devices can make.</summary>
    public static MemorySize Reachable(VmMemory state, MemorySize wanted)
    {
        if (state is not { Sizes: { } sizes, Capabilities: { } can })
            return wanted;
        var low = can.Balloon ? MemorySize.Zero : sizes.Base;
        var size = wanted.Clamp(low, sizes.Base + MostPlugged(state, can));
        if (size <= sizes.Base || can.BlockSize.IsZero || (can.Balloon && !state.InWholeBlocks))
            return size;
        var layout = LayoutOf(state, sizes, can, size);
        var nearest = (sizes.Base + layout.Plugged).MinusOrZero(layout.Ballooned);
        // What was plugged in other blocks than these may come nearer.
        return state.Actual > nearest && state.Actual <= size ? state.Actual : nearest;
    }

    public static MemorySize Distance(MemorySize a, MemorySize b) => a > b ? a - b : b - a;

    /// <summary>
    /// At the target: a spark that was spent is laid by again, first into the balloon, once the guest can spare it. Whatever else is still
    /// under way was meant for another target and is stopped.
    /// </summary>
    private static (MemorySize Plug, MemorySize Balloon) Armed(VmMemory state, VmSizes sizes, MemoryLayout layout, Moment now)
    {
        var lacking = layout.Ballooned.MinusOrZero(sizes.Ballooned);
        var arm = !state.Urgent && layout.Plugged > sizes.Plugged && !lacking.IsZero && state.CanGive(now) >= lacking
            + state.Profile.MetadataFloor
            && state.Actual >= state.Min + lacking;
        var arming = arm || sizes.BalloonedTarget == layout.Ballooned;
        var room = layout.Plugged.MinusOrZero(lacking).RoundDown(BlockOf(state));
        return (arming ? MemorySize.Max(sizes.Plugged, MemorySize.Min(layout.Plugged, room)) : sizes.Plugged, arming ? layout.Ballooned
            : sizes.Ballooned);
    }

    private static (MemorySize Plug, MemorySize Balloon) Up(VmMemory state, VmSizes sizes, MemorySize target, MemoryLayout layout)
    {
        if (state.Urgent)
        {
            // For a part of a small block the balloon makes up; a VM without one, or with large blocks, gets those that fit.
            var can = state.Capabilities!;
            var all = can.Balloon && !state.InWholeBlocks
                ? MemorySize.Min(target.MinusOrZero(sizes.Base).RoundUp(BlockOf(state)), MostPlugged(state, can))
                : layout.Plugged;
            var plug = MemorySize.Max(all, sizes.Plugged);
            return (plug, can.Balloon ? (sizes.Base + plug).MinusOrZero(target) : MemorySize.Zero);
        }

        if (sizes.Ballooned > layout.Ballooned + state.Profile.Tolerance)
        {
            var kept = MemorySize.Max(sizes.Plugged, MemorySize.Min(sizes.PluggedTarget, layout.Plugged));
            return (kept, MemorySize.Max(layout.Ballooned, (sizes.Base + kept).MinusOrZero(target)));
        }

        // While the spark is not full the balloon stays as it is; plugging up to the target then leaves it for Armed to fill.
        var ballooned = MemorySize.Min(sizes.Ballooned, layout.Ballooned);
        var room = (target + ballooned).MinusOrZero(sizes.Base);
        var wanted = MemorySize.Min(layout.Plugged, room.RoundDown(BlockOf(state)));
        return (MemorySize.Max(sizes.Plugged, MemorySize.Min(wanted, Payable(state, sizes))),
            sizes.BalloonedTarget.Clamp(ballooned, layout.Ballooned));
    }

    private static (MemorySize Plug, MemorySize Balloon) Down(
        VmMemory state, VmSizes sizes, MemorySize target, MemoryLayout layout, Moment now)
    {
        // The guest has begun to need what is being taken: leave it where it is.
        if (state.Available < state.Profile.Margin.Scale(0.5))
            return (sizes.Plugged, sizes.Ballooned);

        var give = state.CanGive(now);
        var excess = state.Actual.MinusOrZero(target);
        var step = MemorySize.Min(give, excess);
        if (sizes.Plugged > layout.Plugged)
        {
            var can = state.Capabilities!;
            if (can.Balloon && state.InWholeBlocks)
                return DownByBlocks(state, sizes, layout, step, now);
            var unplug = MemorySize.Max(layout.Plugged, sizes.Plugged.MinusOrZero(step).RoundUp(BlockOf(state)));
            var asked = MemorySize.Min(sizes.PluggedTarget, unplug);
            var stuck = can.Balloon && sizes.PluggedTarget < sizes.Plugged && now - state.StillSince >= state.Profile.PokeAfter;
            // The last blocks are the slow ones: what is to come from the balloon need not wait for them.
            var last = MemorySize.Min(sizes.Plugged - layout.Plugged, excess);
            var beside = can.Balloon && last <= FewBlocks ? step.MinusOrZero(last) : MemorySize.Zero;
            return (give.IsZero && sizes.PluggedTarget >= sizes.Plugged ? sizes.Plugged : asked,
                Inflated(state, sizes, stuck ? step : beside));
        }

        return (sizes.Plugged, Inflated(state, sizes, MemorySize.Min(step, layout.Ballooned.MinusOrZero(sizes.Ballooned))));
    }

    /// <summary>
    /// A guest takes seconds to empty a block, which can't be called off and is hidden from the size until it has gone. So either a block
    /// or the balloon takes, never both: together they would take what the guest could spare once. A block that it can't spare, or does not
    /// give, it gives in parts, by the balloon.
    /// </summary>
    private static (MemorySize Plug, MemorySize Balloon) DownByBlocks(
        VmMemory state, VmSizes sizes, MemoryLayout layout, MemorySize step, Moment now)
    {
        if (state.GivesBlocks)
            return (now < state.NextBlockAt ? sizes.PluggedTarget : sizes.Plugged, sizes.Ballooned);
        var blocks = MemorySize.Min(step, sizes.Plugged - layout.Plugged).RoundDown(BlockOf(state));
        return blocks.IsZero || now < state.NextBlockAt
            ? (sizes.Plugged, Inflated(state, sizes, step))
            : (sizes.Plugged - blocks, sizes.Ballooned);
    }

    private static MemorySize Inflated(VmMemory state, VmSizes sizes, MemorySize step)
    {
        var most = state.Capabilities!.BalloonTakesPlugged ? sizes.Base + sizes.Plugged : sizes.Base;
        return MemorySize.Min(most, MemorySize.Max(sizes.BalloonedTarget, sizes.Ballooned + step));
    }

    /// <summary>The most that the guest can be plugged to now: metadata of what is new comes from what it has available.</summary>
    private static MemorySize Payable(VmMemory state, VmSizes sizes)
    {
        if (state.Available is not { } available)
            return sizes.Plugged + MemorySize.FromMiB(256);
        var payable = available.MinusOrZero(state.Profile.MetadataFloor).Scale(0.5 / state.Profile.MetadataRatio);
        return sizes.Plugged + MemorySize.Max(payable, BlockOf(state)).RoundDown(BlockOf(state));
    }

    private static IEnumerable<VmEvent> Changed(
        VmMemory state, VmSizes sizes, MemorySize plug, MemorySize balloon, MemorySize reachable, Moment now)
    {
        var poke = now >= state.NextTryAt && now - state.MovedAt >= state.Profile.PokeAfter
            && Distance(state.Given, reachable) > state.Profile.Tolerance;
        // What the balloon is to take from now on instead of blocks that don't come is not asked of another device as well.
        var instead = plug < sizes.Plugged && balloon > sizes.BalloonedTarget;
        // One call follows the other: what takes comes before what gives, or between them the devices would allow more than the target.
        var plugFirst = plug < sizes.PluggedTarget;
        if (plugFirst)
            yield return new VmEvent.PlugAsked(plug, Again: false, now);
        if (balloon != sizes.BalloonedTarget || sizes.BalloonUnsure)
            yield return new VmEvent.BalloonAsked(balloon, Again: false, now);
        else if (poke && balloon != sizes.Ballooned)
            yield return new VmEvent.BalloonAsked(balloon, Again: true, now);
        if (plugFirst)
            yield break;
        // The same amount told anew calls off what one device is to take while another has yet to give it.
        if (plug != sizes.PluggedTarget || !sizes.Overlap.IsZero)
            yield return new VmEvent.PlugAsked(plug, Again: false, now);
        else if (poke && !instead && (plug != sizes.Plugged || !state.Unaccepted.IsZero))
            yield return new VmEvent.PlugAsked(plug, Again: true, now);
    }

    private static MemorySize BlockOf(VmMemory state) =>
        state.Capabilities!.BlockSize is { IsZero: false } block ? block : MemorySize.FromMiB(2);
}
