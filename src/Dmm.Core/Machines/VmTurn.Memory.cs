using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>
/// The memory of the VM: what is observed of it, what <see cref="HotplugMachine"/> decides on that, and the calls to the driver.
/// </summary>
internal sealed partial class VmTurn
{
    private void Observe(VmObservation fact)
    {
        switch (fact)
        {
            case VmObservation.Sizes sizes:
                Vm = Vm with { Resident = sizes.Resident };
                if (sizes.AfterReset)
                    Reset(sizes.Value);
                else
                    Feed(new VmCommand.ObserveSizes(sizes.Value));
                break;
            case VmObservation.Sample sample when Memory.IsEcho(sample.Value.At):
                break;
            case VmObservation.Sample sample:
                Vm = Vm with { Sample = sample.Value };
                if (Memory.Sizes is { } known)
                    Do(new VmEffect.TellPredictor(new(Vm.Id, sample.Value, known, Memory.Possible, Vm.Part?.Booted == true)));
                Feed(new VmCommand.ObserveSample(sample.Value));
                break;
            case VmObservation.RunState run:
                if (run.Value == VmRunState.Panicked && Memory.RunState != VmRunState.Panicked)
                    Notify("guestPanicked", run.Why!);
                Feed(new VmCommand.ObserveRunState(run.Value, run.Why), report: true);
                break;
            case VmObservation.Hello when Memory.IsEcho(Now):
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

    /// <summary>The guest boots anew: nothing that it said before is true of it any more.</summary>
    private void Reset(VmSizes sizes)
    {
        // That it was heard is not forgotten with what it said: no guest that booted once is ended for its silence.
        if (Vm is { HasSpoken: true, Part: { } part })
            Vm = Vm with { Part = part with { Booted = true, EverBooted = true } };
        var onLease = Vm.InNeedAt is not null;
        // Nor is what was still to be asked of its devices what a boot needs.
        var calls = Vm.Calls.RemoveAll(static call => call.Kind is VmCallKind.Balloon or VmCallKind.Plug);
        Vm = Vm with { Sample = null, Hello = null, InNeedAt = null, Calls = calls };
        Do(new VmEffect.TellPredictorOfReset());
        Feed(new VmCommand.ObserveReset(sizes), report: true);
        if (onLease)
            Aim(Vm.Told!);
        Notify("guestReset", $"its guest was reset: it has {Memory.Actual} until it has reported again", to: Memory.Actual);
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

        if (report || before.Phase != Memory.Phase || before.Sizes != Memory.Sizes || before.Declined != Memory.Declined)
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
            case VmEvent.GrowthDeclined declined:
                Notify("declined", $"its guest has not taken {declined.Missing} in {Memory.Profile.UncooperativeAfter.TotalSeconds:0.#} s: "
                    + "others may have it; the guest is tried again later", to: Memory.Target);
                break;
            case VmEvent.GrowthTried { Taken: true }:
                Notify("takesAgain", "its guest takes more memory again");
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

    private static string KindOf(VmPhase phase) => char.ToLowerInvariant(phase.ToString()[0]) + phase.ToString()[1..];
}
