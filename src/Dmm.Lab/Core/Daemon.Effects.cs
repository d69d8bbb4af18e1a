using Dmm.Core;
using Dmm.Core.Hosts;

namespace Dmm.Lab.Core;

/// <summary>What the host's actor does once a decision is written, and, in a few lines, what the admission actor does: it rings deadlines.</summary>
internal sealed partial class Daemon
{
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
                ToVm(started.Vm, shell => shell.Assume(part));
                break;
            case HostEffect.Reply { Answer: HostProtocol.RequestRecorded recorded } when command is HostProtocol.RecordRequest request:
                Await(recorded.Vm, request.Deadline);
                break;
            case HostEffect.Reply { Answer: HostProtocol.Refused refused }:
                _world.Log.Note($"refused: {refused.Why}");
                break;
            case HostEffect.TellVm { Message: VmProtocol.SetTarget target } tell:
                ToVm(tell.Vm, shell => shell.SetTarget(target));
                break;
            case HostEffect.TellVm { Message: VmProtocol.Stop } tell:
                ToVm(tell.Vm, shell => shell.Stop());
                break;
            case HostEffect.StartVms start:
                foreach (var id in start.Vms)
                    _shells[id] = new(_world, this, id);
                break;
            case HostEffect.DropVm drop:
                _models.Forget(drop.Vm);
                if (_shells.Remove(drop.Vm, out var shell))
                    shell.End();
                break;
            case HostEffect.TellAdmission tell:
                TellAdmission(tell.Message);
                break;
            case HostEffect.WatchVms watch:
                // The first look follows at once.
                var first = _watched.IsDefault;
                _watched = watch.Vms;
                if (first)
                    Look();
                break;
            case HostEffect.PlanSoon:
                Enqueue(new HostCommand.Plan());
                break;
            case HostEffect.WakeForReturns wake:
                Wake(wake.At);
                break;
        }
    }

    private void TellAdmission(object message)
    {
        switch (message)
        {
            case AdmissionProtocol.Restore restore:
                foreach (var wanted in restore.Queue.Where(wanted => !wanted.Provided))
                    Await(wanted.Vm, wanted.Deadline);
                break;
            case AdmissionProtocol.Provided provided:
                _deadlines.Remove(provided.Vm);
                break;
            case AdmissionProtocol.Finished finished:
                _deadlines.Remove(finished.Vm);
                break;
            case AdmissionProtocol.Cancel cancel:
                Enqueue(new HostProtocol.GiveUp(cancel.Vm, AdmissionEnd.Cancelled, "cancelled by its operator"));
                break;
        }
    }

    private void Await(VmId id, Moment deadline)
    {
        _deadlines[id] = deadline;
        _world.Agenda.In(deadline > _world.Now ? deadline - _world.Now : TimeSpan.Zero, () =>
        {
            if (_deadlines.GetValueOrDefault(id) == deadline && _deadlines.Remove(id))
                Enqueue(new HostProtocol.GiveUp(id, AdmissionEnd.Expired, ""));
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
