using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>The work that the actors of the host and of the line of VMs to come do around their machines.</summary>
internal sealed partial class CoreDaemon
{
    private const int LineLate = 8;

    private void Perform(HostDecision decision, IHostCommand command)
    {
        foreach (var effect in decision.Effects)
            Perform(effect, command);
    }

    private void Perform(HostEffect effect, IHostCommand command)
    {
        switch (effect)
        {
            case HostEffect.Reply { Answer: VmProtocol.Assume part } when command is VmProtocol.Started started:
                ToVm(started.Vm, shell => shell.Take(part));
                break;
            case HostEffect.Reply { Answer: IAdmissionCommand answer }:
                ToLine(answer);
                break;
            case HostEffect.Reply { Answer: HostProtocol.Refused refused }:
                _world.Log.Note($"refused: {refused.Why}");
                break;
            case HostEffect.TellVm tell:
                ToVm(tell.Vm, shell => shell.Take(tell.Message));
                break;
            case HostEffect.StartVms start:
                StartVms(start);
                break;
            case HostEffect.DropVm drop:
                Drop(drop.Vm);
                break;
            case HostEffect.TellAdmission tell:
                ToLine(tell.Message);
                break;
            case HostEffect.WatchVms watch:
                // The first look follows at once.
                var first = _watched.IsDefault;
                _watched = watch.Vms;
                if (first)
                    Look();
                break;
            case HostEffect.AskForecasts:
                _world.Agenda.In(
                    _world.Delay(Fault.MessageLate), () => Enqueue(new PredictorProtocol.Forecasts(_predictor.Current, Tick: true)));
                break;
            case HostEffect.PlanSoon:
                Enqueue(new HostCommand.Plan());
                break;
            case HostEffect.WakeForReturns wake:
                Wake(wake.At);
                break;
        }
    }

    /// <summary>Starts the VMs' shells. Those that still live report again what the host may not have heard.</summary>
    private void StartVms(HostEffect.StartVms start)
    {
        foreach (var id in start.All ? _shells.Keys.Except(start.Vms).ToArray() : [])
            Drop(id);
        foreach (var id in start.Vms)
        {
            if (_shells.ContainsKey(id))
                ToVm(id, shell => shell.Take(new VmProtocol.HostIsBack()));
            else
                _shells[id] = new(_world, this, id);
        }
    }

    private void Drop(VmId id)
    {
        _predictor.Forget(id);
        if (_shells.Remove(id, out var shell))
            shell.End();
    }

    /// <summary>
    /// Sends a message to the line of VMs to come. Messages of one sender stay in order. They are late more often than others: a request
    /// leaves most of its states within a millisecond, and the simulation must end requests in each state.
    /// </summary>
    /// <param name="asked">A sender waits for the answer.</param>
    public void ToLine(IAdmissionCommand command, bool asked = false)
    {
        var (life, asker) = (_life, asked ? _answers.Asked(command) : this);
        _toLine.Send(_world.Delay(Fault.MessageLate, LineLate), () =>
        {
            if (Lives(life))
                Queue(command, asker);
        });
    }

    private void Queue(IAdmissionCommand command, object asker)
    {
        var life = _life;
        (_line, var effects) = _admission.Decide(_line, command, asker, _world.Clocks);
        foreach (var effect in effects)
        {
            if (effect is AdmissionEffect.AskHost ask)
                _fromLine.Send(_world.Delay(Fault.MessageLate, LineLate), () =>
                {
                    if (Lives(life))
                        Enqueue(ask.Command);
                });
            else if (effect is AdmissionEffect.Reply reply)
                _answers.Answered(reply.Asker);
            else if (effect is AdmissionEffect.WakeAt wake)
                WakeLine(wake.At);
        }
    }

    private void WakeLine(Moment? at)
    {
        var number = ++_wakeLine;
        if (at is not { } then)
            return;
        _world.Agenda.In(then > _world.Now ? then - _world.Now : TimeSpan.Zero, () =>
        {
            if (number == _wakeLine)
                ToLine(new AdmissionProtocol.DeadlineCame());
        });
    }

    private void Wake(Moment? at)
    {
        var number = ++_wake;
        if (at is not { } then)
            return;
        _world.Agenda.In(then > _world.Now ? then - _world.Now : TimeSpan.Zero, () =>
        {
            if (number == _wake)
                Enqueue(new HostCommand.ReturnsDue());
        });
    }
}
