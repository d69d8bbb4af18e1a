using System.Collections.Immutable;
using Dmm.Core.Memory;

namespace Dmm.Core.Vms;

/// <summary>
/// The hotplug state machine: <c>Decide(state, command, now) → events</c>, <c>Apply(state, event) → state</c>. It is driven by levels, not
/// by edges: each command leads to the same question, "what is, what should be, what may be asked now?" (<see cref="Ladder"/>), so that a lost
/// event, a repeated one or a new target in the middle of an operation needs no case of its own.
/// </summary>
public static class HotplugMachine
{
    public static ImmutableArray<VmEvent> Decide(VmMemory state, VmCommand command, DateTimeOffset now)
    {
        if (state.Phase == VmPhase.Stopped)
            return [];
        var events = ImmutableArray.CreateBuilder<VmEvent>();
        var next = state;

        void Emit(VmEvent e)
        {
            events.Add(e);
            next = Apply(next, e);
        }

        switch (command)
        {
            case VmCommand.Connect c:
                Emit(new VmEvent.Connected(c.Capabilities));
                break;
            case VmCommand.SetTarget t when t.Target != state.Target || t.Max != state.Max || t.Min != state.Min || t.Urgent != state.Urgent:
                Emit(new VmEvent.TargetChanged(t.Target, t.Min, t.Max, t.Urgent, now));
                break;
            case VmCommand.ObserveSizes s:
                Emit(new VmEvent.SizesSeen(s.Sizes, Moved(state.Sizes, s.Sizes), now));
                break;
            case VmCommand.ObserveSample s:
                Emit(new VmEvent.SampleSeen(s.Sample.MemAvailable, s.Sample.At));
                break;
            case VmCommand.Lose lost:
                Emit(new VmEvent.PhaseEntered(VmPhase.Lost, lost.Why));
                return events.ToImmutable();
            case VmCommand.Finish end:
                Emit(new VmEvent.PhaseEntered(VmPhase.Stopped, end.Why));
                return events.ToImmutable();
        }

        if (next.Sizes is null || next.Capabilities is null || next.Phase == VmPhase.Lost)
            return events.ToImmutable();

        if (next.Phase == VmPhase.Booting && next.Available is null && now - next.StartedAt < next.Profile.BootDeadline)
            return events.ToImmutable();

        foreach (var ask in Ladder.Asks(next, now))
            Emit(ask);

        var (phase, why) = PhaseOf(next, now);
        if (phase != next.Phase || why != next.Why)
            Emit(new VmEvent.PhaseEntered(phase, why));
        return events.ToImmutable();
    }

    public static VmMemory Apply(VmMemory state, VmEvent e) => e switch
    {
        VmEvent.Connected c => state with
        {
            Capabilities = c.Capabilities,
            Phase = state.Phase == VmPhase.Lost ? VmPhase.Booting : state.Phase,
            Why = null,
        },
        VmEvent.TargetChanged t => state with { Target = t.Target, Min = t.Min, Max = t.Max, Urgent = t.Urgent, MovedAt = t.At, Tries = 0, NextTryAt = t.At },
        VmEvent.SizesSeen { Moved: true } s => state with { Sizes = s.Sizes, MovedAt = s.At, Tries = 0, NextTryAt = s.At },
        VmEvent.SizesSeen s => state with { Sizes = s.Sizes },
        VmEvent.SampleSeen s => state with { Available = s.Available, AvailableAt = s.At },
        VmEvent.BalloonAsked b => Asked(state, b.At, b.Again) with { Sizes = state.Sizes! with { BalloonedTarget = b.Ballooned } },
        VmEvent.PlugAsked p => Asked(state, p.At, p.Again) with { Sizes = state.Sizes! with { PluggedTarget = p.Plugged } },
        VmEvent.PhaseEntered p => state with { Phase = p.Phase, Why = p.Why },
        _ => throw new ArgumentOutOfRangeException(nameof(e), e, "not an event of the hotplug machine"),
    };

    private static VmMemory Asked(VmMemory state, DateTimeOffset at, bool again)
    {
        if (!again)
            return state with { MovedAt = at, Tries = 0, NextTryAt = at + state.Profile.PokeAfter };
        var wait = state.Profile.RetryMin * Math.Pow(2, Math.Min(state.Tries, 16));
        return state with { Tries = state.Tries + 1, NextTryAt = at + (wait < state.Profile.RetryMax ? wait : state.Profile.RetryMax) };
    }

    private static bool Moved(VmSizes? before, VmSizes after) =>
        before is null || before.Plugged != after.Plugged || before.Ballooned != after.Ballooned || before.Base != after.Base;

    private static (VmPhase Phase, string? Why) PhaseOf(VmMemory state, DateTimeOffset now)
    {
        if (state.Target is not { } target)
            return (VmPhase.Settled, null);
        var reachable = Ladder.Reachable(state, target);
        var distance = Ladder.Distance(state.Actual, reachable);
        if (distance <= state.Profile.Tolerance)
        {
            return (VmPhase.Settled, reachable == target
                ? null
                : $"{target} can't be reached: the VM can be from {Ladder.Reachable(state, MemorySize.Zero)} to {Ladder.Reachable(state, state.Max)} here");
        }

        var shrinking = state.Actual > reachable;
        var still = now - state.MovedAt;
        if (still < state.Profile.StuckAfter)
            return (shrinking ? VmPhase.Shrinking : VmPhase.Growing, null);
        var why = !shrinking ? $"{distance} asked for and not taken by the guest"
            : state.Available is null ? "nobody tells what the guest can spare: nothing is taken"
            : state.Available <= state.Profile.Margin ? $"the guest has {state.Available} available and needs it"
            : $"{distance} asked back and not given by the guest";
        return (shrinking && still >= state.Profile.UncooperativeAfter ? VmPhase.Uncooperative : VmPhase.Stuck, why);
    }
}
