namespace Dmm.Core.Vms;

/// <summary>
/// Decides what may be asked of a VM's balloon and hotplug device now. Up: deflate, then plug; both at once when urgent. Down: unplug,
/// then inflate; if an unplug is stuck, the balloon takes the rest. Three rules hold in every state: all requests together never exceed
/// the target; nothing is taken beyond what the guest said, after its last movement, that it can spare; and no more is plugged at once
/// than the guest can pay page metadata for.
/// </summary>
public static class Ladder
{
    private static readonly MemorySize FewBlocks = MemorySize.FromMiB(16);

    public static IEnumerable<VmEvent> Asks(VmMemory state, Moment now)
    {
        if (state is not { Target: { } target, Sizes: { } sizes, Capabilities: { } can })
            return [];
        // A rescue DIMM that is on its way is already promised: the other requests leave room for it.
        var rescue = Rescue(state, sizes, can, target, now);
        sizes = sizes with { Base = sizes.Base + state.RescueDue + rescue };
        var layout = LayoutOf(state, sizes, can, target);
        var reachable = Reachable(state, target);
        var (plug, balloon) = Distance(state.Actual, reachable) <= state.Profile.Tolerance ? Armed(state, sizes, layout, now)
            : state.Actual < reachable ? Up(state, sizes, target, layout)
            : Down(state, sizes, target, layout, now);
        // Plugging memory costs a guest its last free pages before the DIMM is of use to it: one guest was seen to reach its OOM killer
        // that way.
        if (!rescue.IsZero || IsBeingRescued(state, now))
            plug = MemorySize.Min(plug, sizes.Plugged);
        (plug, balloon) = Bounded(sizes, target, plug, balloon, BlockOf(state));
        if (can.Balloon)
            balloon = state.Reset?.Nudged(balloon, sizes.BalloonedTarget) ?? balloon;
        return [.. Changed(state, sizes, plug, balloon, reachable, now), .. Added(state, sizes, can, target, rescue, now)];
    }

    /// <summary>
    /// The requests for a guest that was reset and boots. Its balloon is told to hold nothing back: a driver that found its last request
    /// again would take from a boot that may need all of it, and the guest has that memory already, whatever was promised. What is plugged
    /// stays within the target without the balloon.
    /// </summary>
    public static IEnumerable<VmEvent> AsksAfterReset(VmMemory state, Moment now)
    {
        if (state is not { Target: { } target, Sizes: { } sizes, Capabilities: { } can })
            yield break;
        var within = MemorySize.Max(sizes.Plugged, target.MinusOrZero(sizes.Base).RoundDown(BlockOf(state)));
        var plug = MemorySize.Min(sizes.PluggedTarget, within);
        if (plug != sizes.PluggedTarget && now >= (state.PlugRefusal?.NextAt ?? now))
            yield return new VmEvent.PlugAsked(plug, Again: false, now);
        if (can.Balloon && (!sizes.BalloonedTarget.IsZero || sizes.BalloonUnsure) && now >= (state.BalloonRefusal?.NextAt ?? now))
            yield return new VmEvent.BalloonAsked(MemorySize.Zero, Again: false, now);
    }

    private static MemoryLayout LayoutOf(VmMemory state, VmSizes sizes, VmCapabilities can, MemorySize target) => MemoryLayout.For(
        sizes.Base, MostPlugged(state, can), can.BlockSize, can.Balloon, target, can.Balloon ? state.SparkWanted : MemorySize.Zero,
        HeldOf(state, sizes, target));

    /// <summary>
    /// The memory that counts as already plugged where a part of a block is wanted. A block that was asked back counts as gone although
    /// its guest has not given it yet, unless the VM is below its target even without giving more. Otherwise the same target would
    /// reverse the block's direction without end, seen once with the block and once without it.
    /// </summary>
    private static MemorySize HeldOf(VmMemory state, VmSizes sizes, MemorySize target) => state.Actual + state.Profile.Tolerance < target
        ? sizes.Plugged
        : MemorySize.Min(sizes.Plugged, sizes.PluggedTarget);

    /// <summary>
    /// The size of a rescue DIMM to add now, or zero. A guest that has nothing left, in memory or in its balloon, can't pay for plugged
    /// memory: one DIMM at a time saves it, as long as the target has room for it. Such a guest may be unable to send a newer sample.
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
    /// Whether a DIMM is on its way, or has arrived and the guest has not reported its memory since. The second case lasts only as long
    /// as an answer may take.
    /// </summary>
    private static bool IsBeingRescued(VmMemory state, Moment now) => !state.RescueDue.IsZero
        || (now - state.RescueAt < state.Profile.PokeAfter && state.AvailableAt < state.MovedAt + state.Profile.SampleLatency);

    /// <summary>
    /// Limits what one device gives by what the other may still become: the other device moves while the calls are on their way, and each
    /// call is carried out by itself.
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
        // The guest may at any moment take what it was told to plug before: the DIMM is added once the guest was told less.
        if (!rescue.IsZero && state.Ceiling + rescue <= target)
            yield return new VmEvent.RescueAsked(sizes.Base, now);
        var wanted = MemorySize.Min(state.Max.MinusOrZero(sizes.Base).RoundUp(BlockOf(state)), can.ExtendableTo);
        if (wanted > can.PluggableMax && now >= state.NextExtendAt)
            yield return new VmEvent.ExtensionAsked(wanted, now);
    }

    /// <summary>The most that the devices can plug and that the guest can be expected to accept.</summary>
    private static MemorySize MostPlugged(VmMemory state, VmCapabilities can)
    {
        var block = MemorySize.Max(state.Profile.MemoryBlock, BlockOf(state));
        var within = MemorySize.Min(can.PluggableMax, state.Declined?.MostPlugged(block) ?? can.PluggableMax);
        if (state is not { Hello: { } hello, Sizes: { } sizes })
            return within;
        var accepted = MemorySize.Min(sizes.Plugged, state.Accepted ?? sizes.Plugged);
        var most = GuestGrowth.MostPlugged(hello, sizes.Base, accepted, state.Profile) ?? can.PluggableMax;
        return MemorySize.Min(within, MemorySize.Max(most, accepted));
    }

    /// <summary>The size nearest to <paramref name="wanted"/> that this VM's devices can make.</summary>
    public static MemorySize Reachable(VmMemory state, MemorySize wanted)
    {
        if (state is not { Sizes: { } sizes, Capabilities: { } can })
            return wanted;
        var low = can.Balloon ? MemorySize.Zero : sizes.Base;
        var kept = state.Declined is { Tried: false } declined ? declined.Ballooned : MemorySize.Zero;
        var high = (sizes.Base + MostPlugged(state, can)).MinusOrZero(kept);
        var size = wanted.Clamp(low, MemorySize.Max(low, high));
        if (size <= sizes.Base || can.BlockSize.IsZero || (can.Balloon && !state.InWholeBlocks))
            return size;
        var layout = LayoutOf(state, sizes, can, size);
        var nearest = (sizes.Base + layout.Plugged).MinusOrZero(layout.Ballooned);
        // Memory that was plugged in blocks of another size may come nearer.
        return state.Actual > nearest && state.Actual <= size ? state.Actual : nearest;
    }

    public static MemorySize Distance(MemorySize a, MemorySize b) => a > b ? a - b : b - a;

    /// <summary>
    /// The requests at the target: a spark that was spent is refilled, first into the balloon, once the guest can spare it. Anything else
    /// that is still under way was meant for another target and is stopped.
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
            // The balloon makes up for a part of a small block. A VM without a balloon, or with large blocks, gets as many blocks as fit.
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

        // While the spark is not full, the balloon stays as it is. Plugging up to the target then leaves the spark for Armed to fill.
        var ballooned = MemorySize.Min(sizes.Ballooned, layout.Ballooned);
        var room = (target + ballooned).MinusOrZero(sizes.Base);
        var wanted = MemorySize.Min(layout.Plugged, room.RoundDown(BlockOf(state)));
        return (MemorySize.Max(sizes.Plugged, MemorySize.Min(wanted, Payable(state, sizes))),
            sizes.BalloonedTarget.Clamp(ballooned, layout.Ballooned));
    }

    private static (MemorySize Plug, MemorySize Balloon) Down(
        VmMemory state, VmSizes sizes, MemorySize target, MemoryLayout layout, Moment now)
    {
        // Memory that the guest has not accepted costs it nothing to give. A part of a block can't be unplugged.
        var excess = state.Actual.MinusOrZero(target);
        var declined = state.Declined is { } no ? sizes.Plugged.MinusOrZero(no.Plugged) : MemorySize.Zero;
        var unused = MemorySize.Min(MemorySize.Max(state.Unaccepted, declined), excess).RoundDown(BlockOf(state));
        // The guest has begun to need the memory that is being taken, so it is left at its present size.
        if (state.Available < state.Profile.Margin.Scale(0.5) && unused.IsZero)
            return (sizes.Plugged, sizes.Ballooned);

        var give = unused.IsZero ? state.CanGive(now) : unused;
        var step = MemorySize.Min(give, excess);
        if (sizes.Plugged > layout.Plugged)
        {
            var can = state.Capabilities!;
            if (can.Balloon && state.InWholeBlocks)
                return DownByBlocks(state, sizes, layout, step, now);
            var unplug = MemorySize.Max(layout.Plugged, sizes.Plugged.MinusOrZero(step).RoundUp(BlockOf(state)));
            var asked = MemorySize.Min(sizes.PluggedTarget, unplug);
            var stuck = can.Balloon && unused.IsZero && sizes.PluggedTarget < sizes.Plugged
                && now - state.StillSince >= state.Profile.PokeAfter;
            // The last blocks are slow: memory that the balloon is to take need not wait for them.
            var last = MemorySize.Min(sizes.Plugged - layout.Plugged, excess);
            var beside = can.Balloon && unused.IsZero && last <= FewBlocks ? step.MinusOrZero(last) : MemorySize.Zero;
            return (give.IsZero && sizes.PluggedTarget >= sizes.Plugged ? sizes.Plugged : asked,
                Inflated(state, sizes, stuck ? step : beside));
        }

        return (sizes.Plugged, Inflated(state, sizes, MemorySize.Min(step, layout.Ballooned.MinusOrZero(sizes.Ballooned))));
    }

    /// <summary>
    /// A shrink in whole blocks. A guest takes seconds to empty a block; that can't be called off and does not show in the size until the
    /// block has gone. So either a block or the balloon takes memory, never both: together they would take twice what the guest could
    /// spare once. If the guest can't spare a block, or does not give it, the balloon takes smaller parts.
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

    /// <summary>The most that the guest can be plugged to now: the page metadata of new memory comes from its available memory.</summary>
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
        // If the balloon is to take memory instead of blocks that do not come, the hotplug device is not asked for the same memory again.
        var instead = plug < sizes.Plugged && balloon > sizes.BalloonedTarget;
        // The calls are made one after the other. A call that takes memory comes before one that gives; otherwise the devices would
        // together allow more than the target in between.
        var plugFirst = plug < sizes.PluggedTarget;
        if (plugFirst)
            yield return new VmEvent.PlugAsked(plug, Again: false, now);
        // A balloon that does not give may be empty, and show a figure from before a reset that nobody saw. Its driver writes another only
        // when it moves, so it is asked for a little more in turn.
        var nudged = balloon + GuestReset.Nudge;
        var stands = sizes.Ballooned > nudged && !sizes.BalloonUnsure;
        if (stands && sizes.BalloonedTarget == nudged)
        {
            if (poke)
                yield return new VmEvent.BalloonAsked(balloon, Again: true, now);
        }
        else if (balloon != sizes.BalloonedTarget || sizes.BalloonUnsure)
        {
            yield return new VmEvent.BalloonAsked(balloon, Again: false, now);
        }
        else if (poke && balloon != sizes.Ballooned)
        {
            yield return new VmEvent.BalloonAsked(stands ? nudged : balloon, Again: true, now);
        }

        if (plugFirst)
            yield break;
        // The same amount is told again to call off what one device is to take while another has yet to give it.
        if (plug != sizes.PluggedTarget || !sizes.Overlap.IsZero)
            yield return new VmEvent.PlugAsked(plug, Again: false, now);
        else if (poke && !instead && (plug != sizes.Plugged || !state.Unaccepted.IsZero))
            yield return new VmEvent.PlugAsked(plug, Again: true, now);
    }

    private static MemorySize BlockOf(VmMemory state) =>
        state.Capabilities!.BlockSize is { IsZero: false } block ? block : MemorySize.FromMiB(2);
}
