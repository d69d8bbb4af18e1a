using System.Collections.Immutable;
using Dmm.Core.Lifecycle;

namespace Dmm.Core.Vms;

/// <summary>
/// The hotplug state machine: <c>Decide(state, command, now) → events</c>, <c>Apply(state, event) → state</c>. It works by levels, not by
/// edges: each command leads to the same question, "what is, what should be, what may be asked now?" (<see cref="Ladder"/>). So a lost
/// event, a repeated event or a new target in the middle of an operation needs no case of its own.
/// </summary>
public static class HotplugMachine
{
    public static ImmutableArray<VmEvent> Decide(VmMemory state, VmCommand command, Moment now)
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
                Emit(new VmEvent.Connected(c.Capabilities, now));
                break;
            case VmCommand.SetTarget t when t.Target != state.Target || t.Max != state.Max || t.Min != state.Min
                || t.Urgent != state.Urgent:
                Emit(new VmEvent.TargetChanged(t.Target, t.Min, t.Max, t.Urgent, now));
                break;
            case VmCommand.ObserveSizes s:
                Emit(new VmEvent.SizesSeen(s.Sizes, Moved(state.Sizes, state.Counted(s.Sizes)), now));
                break;
            case VmCommand.ObserveReset r:
                Emit(new VmEvent.ResetSeen(r.Sizes, now));
                break;
            case VmCommand.ObserveSample s:
                Emit(new VmEvent.SampleSeen(s.Sample.MemAvailable, s.Sample.MemTotal, s.Sample.At));
                break;
            case VmCommand.ObserveHello h when h.Hello != state.Hello:
                Emit(new VmEvent.HelloSeen(h.Hello));
                break;
            case VmCommand.ObserveRunState r when r.State != state.RunState || r.Why != state.RunWhy:
                Emit(new VmEvent.RunStateSeen(r.State, r.Why, now));
                break;
            case VmCommand.TurnDown t:
                Emit(new VmEvent.TurnedDown(t.Device, t.Why, t.Why == RefusalOf(state, t.Device)?.Why, now));
                break;
            case VmCommand.Carried c when RefusalOf(state, c.Device) is not null:
                Emit(new VmEvent.Heeded(c.Device));
                break;
            case VmCommand.Refuse r:
                Emit(new VmEvent.Refused(r.Addition, r.Why, now));
                break;
            case VmCommand.Lose lost:
                Emit(new VmEvent.PhaseEntered(VmPhase.Lost, lost.Why, now));
                return events.ToImmutable();
            case VmCommand.Finish end:
                Emit(new VmEvent.PhaseEntered(VmPhase.Stopped, end.Why, now));
                return events.ToImmutable();
        }

        if (next.Sizes is null || next.Capabilities is null || next.Phase == VmPhase.Lost)
            return events.ToImmutable();

        // The guest does not run, so it can't answer: a request would be carried out at an unknown moment, or never.
        if (next.RunState != VmRunState.Running)
        {
            if (next.Phase != VmPhase.Paused || next.Why != next.RunWhy)
                Emit(new VmEvent.PhaseEntered(VmPhase.Paused, next.RunWhy, now));
            return events.ToImmutable();
        }

        if (next.Phase == VmPhase.Booting && next.Available is null && next.Listened.Read(now) < next.Profile.BootDeadline)
        {
            foreach (var ask in next.Reboots(now) && !next.Busy ? Ladder.AsksAfterReset(next, now) : [])
                Emit(ask);
            return events.ToImmutable();
        }

        // The next request must be based on what the devices will have been told by then, so nothing is asked while calls are under way.
        foreach (var ask in next.Busy ? [] : Ladder.Asks(next, now))
        {
            if (!IsHeldBack(next, ask, now))
                Emit(ask);
        }

        Judge(next, now, Emit);
        var (phase, why) = PhaseOf(next, now);
        if (phase != next.Phase || why != next.Why)
            Emit(new VmEvent.PhaseEntered(phase, why, now));
        return events.ToImmutable();
    }

    /// <summary>Notes whether the guest takes the growth that it is given.</summary>
    private static void Judge(VmMemory state, Moment now, Action<VmEvent> emit)
    {
        if (state.Declined is { } declined && declined.Eased(state, now))
            emit(new VmEvent.GrowthTried(Taken: true));
        else if (state is { Target: { } target, Phase: VmPhase.Stuck } && Ladder.Reachable(state, target) is var reachable
            && Declined.IsDue(state, reachable, now))
            emit(new VmEvent.GrowthDeclined(reachable - state.Given, now));
        else if (state.Declined is { Tried: false } left && (now >= left.NextAt(state.Urgent, state.Profile) || Declined.CanPayNow(state)))
            emit(new VmEvent.GrowthTried(Taken: false));
    }

    public static VmMemory Apply(VmMemory state, VmEvent e) => e switch
    {
        VmEvent.Connected c => Equipped(state, c),
        VmEvent.RunStateSeen r => RunStateSeen(state, r),
        // Another kernel, or another policy of its: what it takes now is to be seen.
        VmEvent.HelloSeen h => state with { Hello = h.Hello, Declined = null },
        VmEvent.ResetSeen r => Rebooted(state, r),
        VmEvent.GrowthDeclined d => state with
        {
            Declined = Declined.Of(state, d.Missing, d.At),
            Tries = 0,
            NextTryAt = d.At,
            StillSince = d.At,
            Trial = null,
        },
        VmEvent.GrowthTried t => state with { Declined = t.Taken ? null : state.Declined! with { Tried = true } },
        VmEvent.TargetChanged t => state with
        {
            Target = t.Target,
            Min = t.Min,
            Max = t.Max,
            Urgent = t.Urgent,
            StillSince = t.At,
            Tries = 0,
            NextTryAt = t.At,
            Trial = null,
            BalloonRefusal = t.Urgent ? state.BalloonRefusal?.DueAt(t.At) : state.BalloonRefusal,
            PlugRefusal = t.Urgent ? state.PlugRefusal?.DueAt(t.At) : state.PlugRefusal,
        },
        VmEvent.SizesSeen { Moved: true } s => GivenTime(state, Moved(state, s with { Sizes = state.Counted(s.Sizes) }), s.At).Saw(s.Sizes),
        VmEvent.SizesSeen s => GivenTime(state, state with { Sizes = state.Counted(s.Sizes) }, s.At).Saw(s.Sizes),
        VmEvent.SampleSeen s => Sampled(state, s),
        VmEvent.BalloonAsked b => Asked(state, b.At, b.Again) with
        {
            Sizes = state.Sizes! with { BalloonedTarget = b.Ballooned, BalloonUnsure = false },
        },
        VmEvent.PlugAsked p => Asked(state, p.At, p.Again) with
        {
            Sizes = state.Sizes! with { PluggedTarget = p.Plugged, Overlap = MemorySize.Zero },
            AskedWith = state.Available,
            NextBlockAt = BlockDue(state, p),
        },
        VmEvent.RescueAsked r => state with { RescuedBase = r.Base, RescueAt = r.At },
        VmEvent.ExtensionAsked x =>
        state with { ExtendTries = state.ExtendTries + 1, NextExtendAt = x.At + BackOff(state, state.ExtendTries) },
        VmEvent.TurnedDown t =>
        WithRefusal(
            state, t.Device,
            new(t.Why, (RefusalOf(state, t.Device)?.Times ?? 0) + 1, t.At + BackOff(state, RefusalOf(state, t.Device)?.Times ?? 0))),
        VmEvent.Heeded h => WithRefusal(state, h.Device, null),
        VmEvent.Refused { Addition: Addition.RescueDimm } => state with { RescuedBase = MemorySize.Zero },
        VmEvent.Refused r => state with { ExtendFault = r.Why },
        VmEvent.PhaseEntered p => Entered(state, p),
        _ => throw new ArgumentOutOfRangeException(nameof(e), e, "not an event of the hotplug machine"),
    };

    private static Refusal? RefusalOf(VmMemory state, SizedDevice device) =>
        device == SizedDevice.Balloon ? state.BalloonRefusal : state.PlugRefusal;

    private static VmMemory WithRefusal(VmMemory state, SizedDevice device, Refusal? refusal) =>
        device == SizedDevice.Balloon ? state with { BalloonRefusal = refusal } : state with { PlugRefusal = refusal };

    /// <summary>
    /// Whether a request waits because the hypervisor refused a request of this kind the last time. Each request is safe by itself, so
    /// the others need not wait for it.
    /// </summary>
    private static bool IsHeldBack(VmMemory state, VmEvent ask, Moment now) => ask switch
    {
        VmEvent.BalloonAsked => now < state.BalloonRefusal?.NextAt,
        VmEvent.PlugAsked => now < state.PlugRefusal?.NextAt,
        _ => false,
    };

    private static VmMemory Equipped(VmMemory state, VmEvent.Connected connected)
    {
        var can = connected.Capabilities;
        var extended = state.Capabilities is { } before && can.PluggableMax > before.PluggableMax;
        return state with
        {
            Capabilities = can,
            Phase = state.Phase == VmPhase.Lost ? VmPhase.Booting : state.Phase,
            Why = state.Phase == VmPhase.Paused ? state.Why : null,
            Listened = state.RunState == VmRunState.Running ? state.Listened.Started(connected.At) : state.Listened,
            ExtendTries = extended ? 0 : state.ExtendTries,
            ExtendFault = extended ? null : state.ExtendFault,
            BalloonRefusal = null,
            PlugRefusal = null,
            Declined = can.PluggableMax == state.Capabilities?.PluggableMax && can.BlockSize == state.Capabilities.BlockSize
                ? state.Declined
                : null,
        };
    }

    /// <summary>
    /// A guest that was reset boots anew: what was learnt of the one before is forgotten, its promises stand, and so do the requests to
    /// its devices.
    /// </summary>
    private static VmMemory Rebooted(VmMemory state, VmEvent.ResetSeen seen)
    {
        var reset = GuestReset.Of(seen.Sizes, seen.At);
        return state with
        {
            Reset = reset,
            Sizes = reset.Counted(seen.Sizes),
            Phase = state.Phase is VmPhase.Lost or VmPhase.Paused ? state.Phase : VmPhase.Booting,
            Why = state.Phase is VmPhase.Lost or VmPhase.Paused ? state.Why : GuestReset.Why,
            Listened = state.Listened.Since is null ? default : default(RunClock).Started(seen.At),
            Available = null,
            AvailableAt = default,
            MemTotal = null,
            KeptBack = null,
            Accepted = null,
            Hello = null,
            Declined = null,
            MovedAt = seen.At,
            StillSince = seen.At,
            Tries = 0,
            NextTryAt = seen.At,
            AskedWith = null,
            Trial = null,
            NextBlockAt = seen.At,
        };
    }

    /// <summary>After a pause a VM is judged only by what it does from then on.</summary>
    private static VmMemory RunStateSeen(VmMemory state, VmEvent.RunStateSeen seen)
    {
        var next = state with { RunState = seen.State, RunWhy = seen.Why };
        if (seen.State != VmRunState.Running)
            return next with { Listened = state.Listened.Stopped(seen.At) };
        if (state.Capabilities is not null && state.Phase != VmPhase.Lost)
            next = next with { Listened = state.Listened.Started(seen.At) };
        return state.Phase != VmPhase.Paused ? next : next with
        {
            Phase = VmPhase.Booting,
            Why = null,
            NextBlockAt = state.GivesBlocks ? seen.At + state.Profile.StuckAfter : state.NextBlockAt,
        };
    }

    private static VmMemory Sampled(VmMemory state, VmEvent.SampleSeen s)
    {
        var shows = s.At >= state.MovedAt + state.Profile.SampleLatency ? state.Sizes : null;
        var next = Emptying(state, s) with
        {
            Available = s.Available,
            AvailableAt = s.At,
            MemTotal = s.MemTotal,
            Reset = state.HeardOf(),
            NextTryAt = IsEased(state, s) && s.At < state.NextTryAt ? s.At : state.NextTryAt,
            KeptBack = state.KeptBack ?? (shows is null ? null
                : MemorySize.Max(state.Profile.KernelShare, (shows.Base + shows.Plugged).MinusOrZero(s.MemTotal))),
        };
        return shows is null ? next : next with { Accepted = shows.Plugged.MinusOrZero(next.Unaccepted) };
    }

    /// <summary>
    /// Counts falling MemTotal as movement: when a guest is asked for a DIMM, it takes one memory block after the other out of use, long
    /// before the DIMM goes.
    /// </summary>
    private static VmMemory Emptying(VmMemory state, VmEvent.SampleSeen s) =>
        state.GivesBlocks && s.MemTotal + state.Profile.MemoryBlock.Scale(0.5) <= state.MemTotal
            ? state with { StillSince = s.At, NextBlockAt = s.At + state.Profile.StuckAfter }
            : state;

    /// <summary>
    /// Gives a removal that this daemon did not start itself (an operator did, or this daemon before its restart) the same time as its
    /// own.
    /// </summary>
    private static VmMemory GivenTime(VmMemory before, VmMemory after, Moment at) =>
        after.GivesBlocks && !before.GivesBlocks ? after with { NextBlockAt = at + after.Profile.StuckAfter } : after;

    private static Moment BlockDue(VmMemory state, VmEvent.PlugAsked p)
    {
        var gives = p.Plugged < state.Sizes!.Plugged;
        return gives == state.GivesBlocks ? state.NextBlockAt
            : gives ? p.At + state.Profile.StuckAfter
            : p.At >= state.NextBlockAt ? p.At + state.Profile.UncooperativeAfter
            : state.NextBlockAt;
    }

    private static VmMemory Asked(VmMemory state, Moment at, bool again) => state with
    {
        Tries = again ? state.Tries + 1 : 0,
        NextTryAt = at + (again ? BackOff(state, state.Tries) : state.Profile.PokeAfter),
        Trial = new(state.Sizes!.Plugged, state.StillSince, again ? state.Tries + 1 : 0),
    };

    /// <summary>
    /// Whether the guest now has clearly more available than at the last request. It may then be able to do what it could not do before.
    /// Its driver takes long to find that out by itself, so the request is repeated without waiting for the back-off.
    /// </summary>
    private static bool IsEased(VmMemory state, VmEvent.SampleSeen s) =>
        state is { Sizes: { } sizes, AskedWith: { } with } && (sizes.Plugged != sizes.PluggedTarget || !state.Unaccepted.IsZero)
        && s.Available >= with + state.Profile.Margin;

    /// <summary>
    /// A movement towards the target counts as progress and resets the earlier tries. A growth that falls back to where it began was no
    /// progress: the device had shown memory that the guest would not accept.
    /// </summary>
    private static VmMemory Moved(VmMemory state, VmEvent.SizesSeen s)
    {
        var next = state with
        {
            Sizes = s.Sizes,
            MovedAt = s.At,
            RescuedBase = s.Sizes.Base >= state.RescuedBase ? MemorySize.Zero : state.RescuedBase,
        };
        if (state is not { Sizes: { } before, Target: { } target })
            return next with { StillSince = s.At, Tries = 0, NextTryAt = s.At };
        if (state.Trial is { } trial && s.Sizes.Plugged < before.Plugged && s.Sizes.Plugged <= trial.Plugged
            && s.Sizes.PluggedTarget > trial.Plugged)
            return next with { StillSince = trial.StillSince, Tries = trial.Tries, NextTryAt = s.At + BackOff(state, trial.Tries) };
        var progress = Ladder.Distance(next.Actual, target) < Ladder.Distance(state.Actual, target);
        return progress ? next with { StillSince = s.At, Tries = 0, NextTryAt = s.At + state.Profile.PokeAfter } : next;
    }

    /// <summary>An operation begins when the VM leaves a state of rest: the time without movement counts from there.</summary>
    private static VmMemory Entered(VmMemory state, VmEvent.PhaseEntered entered)
    {
        var begins = AtRest(state.Phase) && !AtRest(entered.Phase);
        return state with
        {
            Phase = entered.Phase,
            Why = entered.Why,
            Listened = entered.Phase is VmPhase.Lost or VmPhase.Stopped ? state.Listened.Stopped(entered.At) : state.Listened,
            StillSince = begins ? entered.At : state.StillSince,
            // A request made over a connection that broke has been carried out or never will be: the sizes of the next connection show
            // which.
            RescuedBase = entered.Phase == VmPhase.Lost ? MemorySize.Zero : state.RescuedBase,
        };
    }

    private static bool AtRest(VmPhase phase) => phase is VmPhase.Booting or VmPhase.Settled or VmPhase.Lost or VmPhase.Paused;

    private static TimeSpan BackOff(VmMemory state, int tries) =>
        new GrowingWait(state.Profile.RetryMin, state.Profile.RetryMax).After(tries);

    private static bool Moved(VmSizes? before, VmSizes after) =>
        before is null || before.Plugged != after.Plugged || before.Ballooned != after.Ballooned || before.Base != after.Base;

    private static (VmPhase Phase, string? Why) PhaseOf(VmMemory state, Moment now)
    {
        if (state.Target is not { } target)
            return (VmPhase.Settled, null);
        var reachable = Ladder.Reachable(state, target);
        var shrinking = state.Actual > reachable;
        var distance = Ladder.Distance(shrinking ? state.Actual : state.Given, reachable);
        var still = AtRest(state.Phase) ? TimeSpan.Zero : now - state.StillSince;
        if (distance <= state.Profile.Tolerance)
        {
            // It is not known how much of the given memory the guest has accepted. It falls back at once if it has not accepted it.
            if (state is { Phase: VmPhase.Growing, MemTotal: null } && now - state.MovedAt < state.Profile.StaysFor)
                return (VmPhase.Growing, null);
            return (VmPhase.Settled, reachable == target ? null : Bounds(state, target));
        }

        var refused = (state.BalloonRefusal ?? state.PlugRefusal)?.Why;
        if (still < state.Profile.StuckAfter && (refused is null || AtRest(state.Phase)))
            return (shrinking ? VmPhase.Shrinking : VmPhase.Growing, null);
        var why = refused is not null ? $"its hypervisor refused to resize it: {refused}"
            : !state.Unaccepted.IsZero && !shrinking ? $"{state.Unaccepted} shown by its device but not accepted by the guest"
            : !shrinking ? $"{distance} requested, but not taken by the guest"
            : state.Available is null ? "the guest's available memory is not known, so nothing is taken"
            : state.Available <= state.Profile.Margin ? $"the guest has {state.Available} available and needs it"
            : $"{distance} requested back, but not given by the guest";
        return (shrinking && still >= state.Profile.UncooperativeAfter ? VmPhase.Uncooperative : VmPhase.Stuck, why);
    }

    private static string Bounds(VmMemory state, MemorySize target)
    {
        var most = Ladder.Reachable(state, state.Max);
        var bounds = $"{target} can't be reached: this VM can have from {Ladder.Reachable(state, MemorySize.Zero)} to {most} here"
            + (state.InWholeBlocks && target < most ? $", in whole blocks of {state.Capabilities!.BlockSize}" : "");
        if (target > most && state.Declined is { } declined)
            return $"{bounds}; its guest did not take {declined.Missing} more";
        return target > most && state.ExtendFault is { } fault ? $"{bounds}; a further device was refused: {fault}" : bounds;
    }
}
