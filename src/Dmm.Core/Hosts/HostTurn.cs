using System.Collections.Immutable;
using Dmm.Core.Events;

namespace Dmm.Core.Hosts;

/// <summary>
/// One decision of <see cref="HostMachine"/> while it is made: the host as it becomes, the events to write, and the effects to carry out
/// after that.
/// </summary>
internal sealed partial class HostTurn(HostMachine machine, Host host, Clocks now)
{
    private readonly ImmutableArray<IHostEvent>.Builder _events = ImmutableArray.CreateBuilder<IHostEvent>();
    private readonly ImmutableArray<HostEffect>.Builder _effects = ImmutableArray.CreateBuilder<HostEffect>();

    private readonly HostState _before = host.State;
    private bool _tellsLine;

    public Host Host { get; private set; } = host;

    private HostState State => Host.State;

    private HostSettings Settings => machine.Settings;

    /// <summary>Decisions use this; <see cref="Wall"/> is for the journal and for people.</summary>
    private Moment Now => now.Now;

    private DateTimeOffset Wall => now.Wall;

    public void Take(IHostCommand command)
    {
        switch (command)
        {
            case HostProtocol.GetStatus: Reply(Host.Status()); break;
            case HostProtocol.AdoptVm adopt: Adopt(adopt); break;
            case HostProtocol.SetPolicy set: SetPolicy(set); break;
            case HostProtocol.ResizeVm resize: Resize(resize); break;
            case HostProtocol.StopVm stop: Stop(stop); break;
            case HostProtocol.StartVm start: Start(start); break;
            case HostProtocol.ForgetVm forget: Forget(forget); break;
            case HostProtocol.DrainHost drain: Drain(drain); break;
            case HostProtocol.UndrainHost: Undrain(); break;
            case HostProtocol.DryRunVm asked:
                Do(new HostEffect.TellAdmission(new AdmissionProtocol.DryRun(asked, Host), Forward: true));
                break;
            case HostProtocol.RecordRequest request: RecordRequest(request); break;
            case HostProtocol.LineStarted: LineStarted(); break;
            case HostProtocol.TakeSteps steps: TakeSteps(steps); break;
            case HostProtocol.GiveUp giveUp: GiveUp(giveUp); break;
            case VmProtocol.Started started: Started(started); break;
            case VmProtocol.Report report: Reported(report); break;
            case VmProtocol.Launched launched: Launched(launched); break;
            case VmProtocol.LaunchFailed failed: LaunchFailed(failed); break;
            case VmProtocol.Ended ended: Ended(ended); break;
            case VmProtocol.StopGivenUp given: StopGivenUp(given); break;
            case VmProtocol.Identified found: Identified(found); break;
            case PredictorProtocol.Forecasts forecasts: Forecast(forecasts); break;
            case PredictorProtocol.Lost lost: Host = Host with { Forecasts = Host.Forecasts.Remove(lost.Vm) }; break;
            case HostMonitorProtocol.Saw saw: Saw(saw); break;
            case HostMonitorProtocol.Blind blind: Blind(blind); break;
            case HostCommand.TakeUp takeUp: TakeUp(takeUp); break;
            case HostCommand.Beat: Beat(); break;
            case HostCommand.Plan: PlanNow(); break;
            case HostCommand.ReturnsDue: ReturnThoseDue(); break;
            default: throw new ArgumentOutOfRangeException(nameof(command), command, "not a command of the host");
        }
    }

    public HostDecision End()
    {
        SayDeficit();
        WatchWhoRuns();
        SayDrained();
        if (!ReferenceEquals(State.Vms, _before.Vms) || !ReferenceEquals(State.Admissions, _before.Admissions)
            || !ReferenceEquals(State.Drain, _before.Drain) || State.Ledger.Free != _before.Ledger.Free)
            Host = Host with { Version = Host.Version + 1 };
        ShowLine();
        return new(Host, _events.ToImmutable(), _effects.ToImmutable());
    }

    /// <summary>Records an event to be written; from here on it counts as having happened.</summary>
    private void Record(IHostEvent e)
    {
        _events.Add(e);
        Host = Host with { State = State.Apply(e, new(now.Now, e.At)) };
        Notify(HostNotices.Of(e));
    }

    private void Do(HostEffect effect) => _effects.Add(effect);

    private void Reply(object answer) => Do(new HostEffect.Reply(answer));

    private void Done(VmId vm, string text, ImmutableArray<string> notes = default) =>
        Reply(new HostProtocol.Done(vm, text, notes.IsDefault ? [] : notes));

    private void Refuse(HostProtocol.RefusalKind kind, string why) => Reply(new HostProtocol.Refused(kind, why));

    private void Notify(Notice? what, bool warn = false)
    {
        if (what is not null)
            Do(new HostEffect.Notify(what, warn));
    }

    private void Notify(string kind, VmId? vm, string text, MemorySize? from = null, MemorySize? to = null, bool warn = false) =>
        Notify(new Notice(Wall, kind, vm, text, from, to), warn);

    /// <summary>Asks for a plan. Several reasons that come together lead to one plan.</summary>
    private void QueuePlan()
    {
        if (Host.PlanQueued)
            return;
        Host = Host with { PlanQueued = true };
        Do(new HostEffect.PlanSoon());
    }

    /// <summary>
    /// Shows the line a picture of the host. Only one picture is under way at a time: many requests do not make many looks at the queue.
    /// Before the first look at the host nothing is promised.
    /// </summary>
    private void ShowLine()
    {
        var due = Host.LineDue || _tellsLine || !ReferenceEquals(State.Admissions, _before.Admissions);
        if (!due || Host.LineLooks || !Host.HasLooked)
        {
            Host = Host with { LineDue = due };
            return;
        }

        Host = Host with { LineLooks = true, LineDue = false };
        Do(new HostEffect.TellAdmission(new AdmissionProtocol.HostIs(Host)));
    }

    /// <summary>Sends the line of VMs to come a picture of the host after this decision, even if no request has changed.</summary>
    private void TellLine() => _tellsLine = true;

    /// <summary>Removes all that the host's actor keeps of a VM.</summary>
    private void Release(VmId vm)
    {
        Host = Host with
        {
            Reports = Host.Reports.Remove(vm),
            Forecasts = Host.Forecasts.Remove(vm),
            Told = Host.Told.Remove(vm),
            Shrinks = Host.Shrinks.Remove(vm),
            StartedOnce = Host.StartedOnce.Remove(vm),
            Unheard = Host.Unheard.Remove(vm),
        };
        Do(new HostEffect.DropVm(vm));
        SayAllHeard();
        QueuePlan();
    }
}
