using Dmm.Core.Memory;

namespace Dmm.Core.Vms;

/// <summary>
/// What may be asked of a VM's balloon and hotplug device now. Up: deflate, then plug; both at once when urgent. Down: unplug, then
/// inflate; where an unplug is stuck the balloon takes the rest. Three rules hold in every state:
/// what is asked never adds up to more than the target; nothing is taken beyond what the guest said, after its last movement, that it can spare;
/// and no more is plugged at once than the guest can pay page metadata for.
/// </summary>
public static class Ladder
{
    private static readonly MemorySize FewBlocks = MemorySize.FromMiB(16);

    public static IEnumerable<VmEvent> Asks(VmMemory state, DateTimeOffset now)
    {
        if (state is not { Target: { } target, Sizes: { } sizes, Capabilities: { } can })
            return [];
        var spark = can.Balloon ? state.SparkWanted : MemorySize.Zero;
        var layout = MemoryLayout.For(sizes.Base, can.PluggableMax, can.BlockSize, can.Balloon, target, spark);
        var reachable = Reachable(state, target);
        var (plug, balloon) = Distance(state.Actual, reachable) <= state.Profile.Tolerance ? Armed(state, sizes, layout)
            : state.Actual < reachable ? Up(state, sizes, target, layout)
            : Down(state, sizes, target, layout, now);
        return Changed(state, sizes, plug, balloon, reachable, now);
    }

    /// <summary>The size nearest to <paramref name="wanted"/> that this VM's devices can make.</summary>
    public static MemorySize Reachable(VmMemory state, MemorySize wanted)
    {
        if (state is not { Sizes: { } sizes, Capabilities: { } can })
            return wanted;
        var low = can.Balloon ? MemorySize.Zero : sizes.Base;
        var size = wanted.Clamp(low, sizes.Base + can.PluggableMax);
        return can.Balloon || size <= sizes.Base || can.BlockSize.IsZero ? size : sizes.Base + (size - sizes.Base).RoundDown(can.BlockSize);
    }

    public static MemorySize Distance(MemorySize a, MemorySize b) => a > b ? a - b : b - a;

    /// <summary>
    /// At the target: a spark that was spent is laid by again, first into the balloon, once the guest can spare it. Whatever else is still under
    /// way was meant for another target and is stopped.
    /// </summary>
    private static (MemorySize Plug, MemorySize Balloon) Armed(VmMemory state, VmSizes sizes, MemoryLayout layout)
    {
        var lacking = layout.Ballooned.MinusOrZero(sizes.Ballooned);
        var arm = !state.Urgent && layout.Plugged > sizes.Plugged && !lacking.IsZero && state.CanGive >= lacking + state.Profile.MetadataFloor
            && state.Actual >= state.Min + lacking;
        var arming = arm || sizes.BalloonedTarget == layout.Ballooned;
        var room = layout.Plugged.MinusOrZero(lacking).RoundDown(BlockOf(state));
        return (arming ? MemorySize.Max(sizes.Plugged, MemorySize.Min(layout.Plugged, room)) : sizes.Plugged, arming ? layout.Ballooned : sizes.Ballooned);
    }

    private static (MemorySize Plug, MemorySize Balloon) Up(VmMemory state, VmSizes sizes, MemorySize target, MemoryLayout layout)
    {
        if (state.Urgent)
        {
            var all = MemorySize.Min(target.MinusOrZero(sizes.Base).RoundUp(BlockOf(state)), state.Capabilities!.PluggableMax);
            var plug = MemorySize.Max(all, sizes.Plugged);
            return (plug, (sizes.Base + plug).MinusOrZero(target));
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
        return (MemorySize.Max(sizes.Plugged, MemorySize.Min(wanted, Payable(state, sizes))), sizes.BalloonedTarget.Clamp(ballooned, layout.Ballooned));
    }

    private static (MemorySize Plug, MemorySize Balloon) Down(
        VmMemory state, VmSizes sizes, MemorySize target, MemoryLayout layout, DateTimeOffset now)
    {
        // The guest has begun to need what is being taken: leave it where it is.
        if (state.Available < state.Profile.Margin.Scale(0.5))
            return (sizes.Plugged, sizes.Ballooned);

        var give = state.CanGive;
        var excess = state.Actual - target;
        var step = MemorySize.Min(give, excess);
        if (sizes.Plugged > layout.Plugged)
        {
            var unplug = MemorySize.Max(layout.Plugged, sizes.Plugged.MinusOrZero(step).RoundUp(BlockOf(state)));
            var asked = MemorySize.Min(sizes.PluggedTarget, unplug);
            var can = state.Capabilities!;
            var stuck = can.Balloon && sizes.PluggedTarget < sizes.Plugged && now - state.MovedAt >= state.Profile.PokeAfter;
            // The last blocks are the slow ones: what is to come from the balloon need not wait for them.
            var last = MemorySize.Min(sizes.Plugged - layout.Plugged, excess);
            var beside = can.Balloon && last <= FewBlocks ? step.MinusOrZero(last) : MemorySize.Zero;
            return (give.IsZero && sizes.PluggedTarget >= sizes.Plugged ? sizes.Plugged : asked, Inflated(sizes, stuck ? step : beside));
        }

        return (sizes.Plugged, Inflated(sizes, MemorySize.Min(step, layout.Ballooned.MinusOrZero(sizes.Ballooned))));
    }

    private static MemorySize Inflated(VmSizes sizes, MemorySize step) =>
        MemorySize.Min(sizes.Base, MemorySize.Max(sizes.BalloonedTarget, sizes.Ballooned + step));

    /// <summary>The most that the guest can be plugged to now: metadata of what is new comes from what it has available.</summary>
    private static MemorySize Payable(VmMemory state, VmSizes sizes)
    {
        if (state.Available is not { } available)
            return sizes.Plugged + MemorySize.FromMiB(256);
        var payable = available.MinusOrZero(state.Profile.MetadataFloor).Scale(0.5 / state.Profile.MetadataRatio);
        return sizes.Plugged + MemorySize.Max(payable, BlockOf(state)).RoundDown(BlockOf(state));
    }

    private static IEnumerable<VmEvent> Changed(
        VmMemory state, VmSizes sizes, MemorySize plug, MemorySize balloon, MemorySize reachable, DateTimeOffset now)
    {
        var poke = now >= state.NextTryAt && now - state.MovedAt >= state.Profile.PokeAfter
            && Distance(state.Actual, reachable) > state.Profile.Tolerance;
        if (balloon != sizes.BalloonedTarget)
            yield return new VmEvent.BalloonAsked(balloon, Again: false, now);
        else if (poke && balloon != sizes.Ballooned)
            yield return new VmEvent.BalloonAsked(balloon, Again: true, now);
        if (plug != sizes.PluggedTarget)
            yield return new VmEvent.PlugAsked(plug, Again: false, now);
        else if (poke && plug != sizes.Plugged)
            yield return new VmEvent.PlugAsked(plug, Again: true, now);
    }

    private static MemorySize BlockOf(VmMemory state) =>
        state.Capabilities!.BlockSize is { IsZero: false } block ? block : MemorySize.FromMiB(2);
}
