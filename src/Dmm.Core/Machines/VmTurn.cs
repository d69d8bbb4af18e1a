using System.Collections.Immutable;
using Dmm.Core.Events;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>
/// One decision of <see cref="VmMachine"/> while it is made: the VM as it becomes, and the effects to carry out after that.
/// </summary>
internal sealed partial class VmTurn(VmSettings settings, Vm vm, Clocks now)
{
    private readonly ImmutableArray<VmEffect>.Builder _effects = ImmutableArray.CreateBuilder<VmEffect>();

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
            case VmProtocol.InNeed need: InNeed(need); break;
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
            case VmFact.Held: Held(); break;
            case VmFact.NotHeld not: NotHeld(not.Why); break;
            case VmFact.Measured measured: Vm = Vm with { Cost = measured.Cost ?? Vm.Cost }; break;
            case VmFact.Rang rang: Ring(rang.Timer); break;
            default: throw new ArgumentOutOfRangeException(nameof(message), message, "not a message to a VM's machine");
        }
    }

    public VmDecision End()
    {
        HoldToClaim();
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
                GiveLeaseBack();
                if (Vm.InHand)
                    Feed(new VmCommand.Look());
                Report();
                break;
            case VmTimer.Measure when Vm.InHand:
                Wake(timer, settings.OverheadPeriod);
                Do(new VmEffect.Measure());
                Vm = Vm with { HoldAgain = Vm.NotHeld is not null };
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
}
