using System.Collections.Immutable;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>
/// One decision of <see cref="VmMachine"/> while it is made: the VM as it becomes, and the effects to carry out after that.
/// </summary>
internal sealed partial class VmTurn(VmSettings settings, Vm vm, Clocks now)
{
    private readonly ImmutableArray<VmEffect>.Builder _effects = ImmutableArray.CreateBuilder<VmEffect>();
    private bool _reports;

    private Vm Vm { get; set; } = vm;

    private VmMemory Memory => Vm.Memory;

    /// <summary>Decisions use this; <see cref="Wall"/> is for people.</summary>
    private Moment Now => now.Now;

    private DateTimeOffset Wall => now.Wall;

    public void Take(IVmMessage message)
    {
        // Once the VM has ended, messages that were under way are of no use.
        if (Vm.End is not null && message is not (VmProtocol.HostIsBack or VmProtocol.Assume))
            return;
        switch (message)
        {
            case VmProtocol.HostIsBack: Do(new VmEffect.TellHost(new VmProtocol.Started(Vm.Id))); break;
            case VmProtocol.Assume part when Vm.End is { } end: TellEnd(part, end); break;
            case VmProtocol.Assume part when Vm.Part is { } known: AssumeAgain(known, part); break;
            case VmProtocol.Assume part: Assume(part); break;
            case VmProtocol.SetTarget t: SetTarget(t); break;
            case VmProtocol.Stop stop: Stop(stop.Order); break;
            case VmProtocol.GoOn: GoOn(); break;
            case VmFact.Launched launched: TakeUp(launched.Handle); break;
            case VmFact.NotRunning: Do(new VmEffect.Launch(Vm.Part!.Spec!)); break;
            case VmFact.LaunchFailed failed:
                Vm = Vm with { Launching = false };
                Do(new VmEffect.TellHost(new VmProtocol.LaunchFailed(Vm.Id, failed.Why)));
                break;
            case VmFact.LaunchUnknown unknown: TryAgain($"DMM can't tell whether it runs: {unknown.Why}"); break;
            case VmFact.Connected connected: Connected(connected); break;
            case VmFact.NotConnected { Gone: { } cause } gone: Finish(gone.Why, cause); break;
            case VmFact.NotConnected not: Lose(not.Why); break;
            case VmFact.Observed observed: Observe(observed.What); break;
            case VmFact.CallDone: CallDone(); break;
            case VmFact.CallRefused refused: CallRefused(refused.Why); break;
            // A call that was under way while the VM was being ended failed because of that.
            case VmFact.CallLost lost when Vm.EndWhy is not null: Vm = Vm with { Unheeded = lost.Why }; break;
            case VmFact.CallLost lost: Lose(lost.Why); break;
            case VmFact.NotAskedToPowerDown not: NotAsked(not.Why); break;
            case VmFact.ProcessEnded: Finish("its process was ended", EndCause.Failed); break;
            case VmFact.NotEnded not: NotEnded(not.Why); break;
            case VmFact.Measured measured: Vm = Vm with { Cost = measured.Cost ?? Vm.Cost }; break;
            case VmFact.Rang rang: Ring(rang.Timer); break;
            default: throw new ArgumentOutOfRangeException(nameof(message), message, "not a message to a VM's machine");
        }
    }

    public VmDecision End()
    {
        TellReport();
        // A VM at rest is looked at when it reports.
        if (Vm.InHand && !Vm.LooksSoon && Memory.Phase is not (VmPhase.Settled or VmPhase.Paused or VmPhase.Stopped))
        {
            Vm = Vm with { LooksSoon = true };
            Wake(VmTimer.Look, settings.LookPeriod);
        }

        // A figure that no report took is dropped: it would be out of date in a later report.
        return new(Vm with { Resident = null }, _effects.ToImmutable());
    }

    private void Do(VmEffect effect) => _effects.Add(effect);

    private void Wake(VmTimer timer, TimeSpan wait) => Do(new VmEffect.WakeIn(timer, wait));

    private void Silence(VmTimer timer) => Do(new VmEffect.Silence(timer));

    private void Notify(string kind, string text, MemorySize? from = null, MemorySize? to = null) =>
        Do(new VmEffect.Notify(new Notice(Wall, kind, Vm.Id, text, from, to)));

    private void Assume(VmProtocol.Assume part)
    {
        Vm = Vm with { Part = part };
        if (part.Promise is { } promise)
            Feed(new VmCommand.SetTarget(promise.Target, part.Policy.Max, false, part.Policy.Min));
        if (part.Handle is { } handle)
            Connect(handle);
        else
            Launch(part);
    }

    /// <summary>
    /// Launches the VM. If the daemon may have crashed between an earlier launch and its record in the journal, the VM is looked for first.
    /// </summary>
    private void Launch(VmProtocol.Assume part)
    {
        Vm = Vm with { Launching = true };
        Do(part.MayRun ? new VmEffect.Find(part.Spec!) : new VmEffect.Launch(part.Spec!));
    }

    /// <summary>
    /// Takes its part again, because the host's actor has restarted: what the earlier actor was told may never have been written. The VM is
    /// not touched. This machine knows better which process runs it.
    /// </summary>
    private void AssumeAgain(VmProtocol.Assume known, VmProtocol.Assume part)
    {
        Vm = Vm with { Part = part with { Handle = known.Handle ?? part.Handle }, Heard = 0 };
        if (known.Handle is { } handle && part.Handle is null)
            Do(new VmEffect.TellHost(new VmProtocol.Launched(Vm.Id, handle)));
        else if (known.Handle is { } mine && mine != part.Handle)
            Do(new VmEffect.TellHost(new VmProtocol.Identified(Vm.Id, mine)));
        else if (known.Handle is null && !Vm.Launching)
            Launch(part);
        if (part.Stop is { } order && order != known.Stop)
            Stop(order);
        else if (part.Stop is null && known.Stop is not null)
            GoOn();
        Report();
    }

    /// <summary>
    /// Reports the end again. The launch may not have been written either, and a VM that is still being created can't end, so the launch is
    /// reported first.
    /// </summary>
    private void TellEnd(VmProtocol.Assume part, VmProtocol.Ended end)
    {
        if (part.Handle is null && Vm.Part?.Handle is { } handle)
            Do(new VmEffect.TellHost(new VmProtocol.Launched(Vm.Id, handle)));
        Do(new VmEffect.TellHost(end));
    }

    private void SetTarget(VmProtocol.SetTarget t)
    {
        Vm = Vm with { Heard = t.Number };
        Feed(new VmCommand.SetTarget(t.Target, t.Max, t.Urgent, t.Min), report: true);
    }

    private void TakeUp(VmHandle handle)
    {
        Vm = Vm with { Part = Vm.Part! with { Handle = handle }, Launching = false };
        Do(new VmEffect.TellHost(new VmProtocol.Launched(Vm.Id, handle)));
        Connect(handle);
    }

    private void Connect(VmHandle handle)
    {
        Disconnected();
        Do(new VmEffect.Connect(handle));
    }

    private void Connected(VmFact.Connected made)
    {
        Vm = Vm with { InHand = true, InHandSince = Now };
        if (made.Identity is { } identity && identity != Vm.Part!.Handle)
        {
            Vm = Vm with { Part = Vm.Part with { Handle = identity } };
            Do(new VmEffect.TellHost(new VmProtocol.Identified(Vm.Id, identity)));
        }

        Feed(new VmCommand.Connect(made.Capabilities), report: true);
        Wake(VmTimer.Report, settings.ReportPeriod);
        Wake(VmTimer.Measure, settings.OverheadPeriod);
        Do(new VmEffect.Measure());
        if (Vm.Part!.Stop is { } order)
            Stop(order);
        CallNext();
    }

    private void Ring(VmTimer timer)
    {
        switch (timer)
        {
            case VmTimer.Look:
                Vm = Vm with { LooksSoon = false };
                if (Vm.InHand)
                    Feed(new VmCommand.Look());
                break;
            case VmTimer.Report:
                Wake(timer, settings.ReportPeriod);
                if (Vm.InHand)
                    Feed(new VmCommand.Look());
                Report();
                break;
            case VmTimer.Measure when Vm.InHand:
                Wake(timer, settings.OverheadPeriod);
                Do(new VmEffect.Measure());
                break;
            case VmTimer.TryAgain when Vm.InHand:
                break;
            case VmTimer.TryAgain when Vm.Part?.Handle is { } handle:
                Connect(handle);
                break;
            case VmTimer.TryAgain:
                Do(new VmEffect.Find(Vm.Part!.Spec!));
                break;
            case VmTimer.Grace:
                StopIsLate();
                break;
            case VmTimer.AskAgain:
                AskToPowerDown();
                break;
            case VmTimer.EndAgain:
                TryToEnd();
                break;
        }
    }

    private void Observe(VmObservation fact)
    {
        switch (fact)
        {
            case VmObservation.Sizes sizes:
                Vm = Vm with { Resident = sizes.Resident };
                Feed(new VmCommand.ObserveSizes(sizes.Value));
                break;
            case VmObservation.Sample sample:
                Vm = Vm with { Sample = sample.Value };
                if (Memory.Sizes is { } known)
                    Do(new VmEffect.TellPredictor(new(Vm.Id, sample.Value, known, Memory.Possible)));
                Feed(new VmCommand.ObserveSample(sample.Value));
                break;
            case VmObservation.RunState run:
                Feed(new VmCommand.ObserveRunState(run.Value, run.Why), report: true);
                break;
            case VmObservation.Hello hello:
                // A guest introduces itself again and again; only a change of its kernel or agent version matters here.
                if (Vm.Hello?.Kernel != hello.Value.Kernel || Vm.Hello?.AgentVersion != hello.Value.AgentVersion)
                    Notify("agentHello", $"its agent is connected: version {hello.Value.AgentVersion}, kernel {hello.Value.Kernel}");
                Vm = Vm with { Hello = hello.Value };
                Feed(new VmCommand.ObserveHello(hello.Value), report: true);
                break;
            case VmObservation.Able able:
                Notify("able", $"up to {able.Value.PluggableMax} can be plugged from now on", to: able.Value.PluggableMax);
                Feed(new VmCommand.Connect(able.Value), report: true);
                break;
            case VmObservation.AgentSilent silent:
                Notify("agentSilent", silent.Why);
                Report();
                break;
            case VmObservation.ConnectionLost lost:
                Lose(lost.Why);
                break;
            case VmObservation.Ended ended:
                Finish(ended.Why, ended.Cause);
                break;
        }
    }

    private void Feed(VmCommand command, bool report = false)
    {
        WatchBoot();
        var before = Memory;
        foreach (var e in HotplugMachine.Decide(Memory with { Busy = Vm.Busy }, command, Now))
        {
            Vm = Vm with { Memory = HotplugMachine.Apply(Memory, e) };
            Act(e);
        }

        if (report || before.Phase != Memory.Phase || before.Sizes != Memory.Sizes)
            Report();
    }

    private void Act(VmEvent e)
    {
        switch (e)
        {
            case VmEvent.BalloonAsked ask:
                Call(new(VmCallKind.Balloon, ask.Ballooned));
                break;
            case VmEvent.PlugAsked ask:
                Call(new(VmCallKind.Plug, ask.Plugged));
                break;
            case VmEvent.RescueAsked rescue:
                Notify("rescued",
                    $"its guest has {Memory.Available} left, and nothing can be plugged: it gets a rescue DIMM "
                        + $"of {rescue.Base - Memory.Sizes!.Base}");
                Call(new(VmCallKind.Rescue, MemorySize.Zero));
                break;
            case VmEvent.ExtensionAsked extension:
                Notify("extended", $"its max {Memory.Max} needs another device; with it, {extension.PluggableMax} can be plugged");
                Call(new(VmCallKind.Extend, extension.PluggableMax));
                break;
            case VmEvent.Refused refused:
                Notify("refused",
                    $"{(refused.Addition == Addition.Device ? "a further hotplug device" : "a rescue DIMM")} was refused: {refused.Why}");
                break;
            case VmEvent.TurnedDown { Repeated: false } turned:
                Notify("refused", $"its hypervisor refused to resize it: {turned.Why}");
                break;
            case VmEvent.PhaseEntered entered:
                var text = entered.Why is null ? $"{entered.Phase} at {Memory.Actual}"
                    : $"{entered.Phase} at {Memory.Actual}: {entered.Why}";
                Notify(KindOf(entered.Phase), text, to: Memory.Target);
                break;
        }
    }

    private void Call(VmCall call)
    {
        Vm = Vm with { Calls = Vm.Calls.RemoveAll(c => c.Kind == call.Kind).Add(call) };
        CallNext();
    }

    private void CallNext()
    {
        if (!Vm.InHand || Vm.UnderWay is not null || Vm.Calls.IsEmpty)
            return;
        var call = Vm.Calls[0];
        Vm = Vm with { Calls = Vm.Calls.RemoveAt(0), UnderWay = call };
        Do(new VmEffect.Carry(call));
    }

    /// <param name="what">What is known from the end of the call.</param>
    private void CallEnded(VmCommand what)
    {
        Vm = Vm with { UnderWay = null };
        Feed(what);
        CallNext();
        if (!Vm.Busy)
            Report();
    }

    private void CallDone() => CallEnded(Vm.UnderWay?.Kind switch
    {
        VmCallKind.Balloon => new VmCommand.Carried(SizedDevice.Balloon),
        VmCallKind.Plug => new VmCommand.Carried(SizedDevice.Hotplug),
        _ => new VmCommand.Look(),
    });

    /// <summary>
    /// Takes note of a refused call. A hypervisor may refuse for good reasons; a refusal is a fact like others. Anything that it did all
    /// the same shows in the sizes.
    /// </summary>
    private void CallRefused(string why) => CallEnded(Vm.UnderWay?.Kind switch
    {
        VmCallKind.Balloon => new VmCommand.TurnDown(SizedDevice.Balloon, why),
        VmCallKind.Plug => new VmCommand.TurnDown(SizedDevice.Hotplug, why),
        VmCallKind.Rescue => new VmCommand.Refuse(Addition.RescueDimm, why),
        VmCallKind.Extend => new VmCommand.Refuse(Addition.Device, why),
        _ => new VmCommand.Look(),
    });

    private void Report() => _reports = true;

    private void TellReport()
    {
        if (!_reports)
            return;
        _reports = false;
        // A decision that is not carried out yet confirms nothing: no target is confirmed until the calls are done.
        var answered = Vm.Busy ? null : Memory.Target;
        Do(new VmEffect.TellHost(new VmProtocol.Report(
            Vm.Id,
            Memory.Phase,
            Vm.Stopping ? Vm.StopWhy : Memory.Why ?? (Vm.Silent is not null && !Vm.HasSpoken ? "its guest has not reported yet" : null),
            Memory.Sizes,
            Memory.Sizes is null ? null : new(Memory.Actual, Memory.Ceiling, answered))
        {
            Heard = Vm.Heard,
            Capabilities = Memory.Capabilities,
            Most = Memory.Target is null ? null : Ladder.Reachable(Memory, Memory.Max),
            Hello = Vm.Hello,
            Sample = Vm.Sample,
            Cost = Vm.Cost,
            Resident = Vm.Resident,
            Warnings = Warnings(),
            Stopping = Vm.Stopping,
            RunState = Memory.RunState,
        }));
    }

    /// <summary>Returns the warnings; makes their texts only when their facts have changed, not each second.</summary>
    private ImmutableArray<string> Warnings()
    {
        var of = (Vm.HasSpoken ? null : Vm.Silent, Memory.Capabilities, Vm.Hello, Memory.Sizes?.Base, Memory.ExtendFault);
        if (of != Vm.WarnedOf)
            Vm = Vm with { WarnedOf = of, Warnings = Words(of.Item1, of.Capabilities, of.Hello, of.Item4, of.ExtendFault) };
        return Vm.Warnings;
    }

    private ImmutableArray<string> Words(string? silent, VmCapabilities? can, GuestHello? hello, MemorySize? @base, string? fault) =>
    [
        .. silent is not null ? [silent] : ImmutableArray<string>.Empty,
        .. can?.Lacks ?? [],
        .. hello is not null ? GuestGrowth.Limits(hello, @base, Memory.Profile) : [],
        .. fault is not null ? [$"a further hotplug device was refused: {fault}"] : ImmutableArray<string>.Empty,
    ];

    private void Lose(string why)
    {
        if (Vm.InHandSince is { } since && Now - since >= settings.CalmAfter)
            Vm = Vm with { Attempts = 0 };
        Disconnected();
        Do(new VmEffect.LetGo());
        var first = Memory.Phase != VmPhase.Lost;
        Feed(new VmCommand.Lose(why), report: true);
        StopOneThatIsLost();
        TryAgain(first ? $"it can't be reached: {why}" : null);
    }

    private void TryAgain(string? warning)
    {
        if (warning is not null)
            Do(new VmEffect.Warn($"{Vm.Id}: {warning}"));
        Wake(VmTimer.TryAgain, BackOff(Vm.Attempts));
        Vm = Vm with { Attempts = Vm.Attempts + 1 };
    }

    private void Disconnected() => Vm = Vm with
    {
        InHand = false,
        InHandSince = null,
        Calls = [],
        UnderWay = null,
        Unheeded = null,
        Stopping = Vm.Stopping && Vm.Ending,
    };

    private void Finish(string why, EndCause cause)
    {
        // That the VM may run elsewhere overrides every other cause; that it was ended for not booting overrides what its hypervisor
        // reports.
        (why, cause) = Memory.RunState.MayRunElsewhere() ? (why, EndCause.MigratedAway) : Vm.GaveUp is { } because
        ? (because, EndCause.NeverBooted) : (why, cause);
        Disconnected();
        Do(new VmEffect.LetGo());
        foreach (var timer in Enum.GetValues<VmTimer>())
            Silence(timer);
        Feed(new VmCommand.Finish(why));
        TellReport();
        Vm = Vm with { End = new(Vm.Id, why, cause) };
        Do(new VmEffect.TellHost(Vm.End));
    }

    private TimeSpan BackOff(int attempts) => new GrowingWait(settings.RestartMin, settings.RestartMax).After(attempts);

    private static string KindOf(VmPhase phase) => char.ToLowerInvariant(phase.ToString()[0]) + phase.ToString()[1..];
}
