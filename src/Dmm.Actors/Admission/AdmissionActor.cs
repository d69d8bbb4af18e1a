using Akka.Actor;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;

namespace Dmm.Actors.Admission;

/// <summary>
/// Who asked for a new VM, and until when its memory must be there. It bounds the queue, rings the deadlines and answers; what is done for whom is decided by
/// <see cref="Core.Admission.AdmissionLine"/> and written by the host, which hands the queue back after a restart.
/// </summary>
public sealed class AdmissionActor : ReceiveActor, IWithTimers
{
    private readonly IActorRef _host;
    private readonly AdmissionSettings _settings;
    private readonly TimeProvider _time;
    private readonly Dictionary<VmId, (IActorRef Asker, AdmissionProtocol.CreateVm Request)> _asked = [];
    private readonly Dictionary<VmId, IActorRef> _cancelling = [];

    /// <summary>Those that wait, and those whose memory is set aside.</summary>
    private readonly Dictionary<VmId, bool> _provided = [];

    public AdmissionActor(IActorRef host, AdmissionSettings settings, TimeProvider time)
    {
        (_host, _settings, _time) = (host, settings, time);
        Receive<AdmissionProtocol.CreateVm>(Create);
        Receive<HostProtocol.RequestRecorded>(Recorded);
        Receive<AdmissionProtocol.RecordRefused>(refused =>
        {
            Timers.Cancel(refused.Vm);
            if (_asked.Remove(refused.Vm, out var asked))
                asked.Asker.Tell(refused.Refusal);
        });
        Receive<AdmissionProtocol.Restore>(Restore);
        Receive<AdmissionProtocol.Provided>(provided =>
        {
            _provided[provided.Vm] = true;
            Timers.Cancel(provided.Vm);
        });
        Receive<AdmissionProtocol.Finished>(Finished);
        Receive<DeadlinePassed>(late => _host.Tell(new HostProtocol.GiveUp(late.Vm, AdmissionEnd.Expired, "")));
        Receive<AdmissionProtocol.Cancel>(Cancel);
        Receive<HostProtocol.NotGivenUp>(not =>
        {
            if (_cancelling.Remove(not.Vm, out var asker))
                asker.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Conflict, $"{not.Vm}: {not.Why}; stop it once it runs"));
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(IActorRef host, AdmissionSettings settings, TimeProvider time) => Akka.Actor.Props.Create(() => new AdmissionActor(host, settings, time));

    /// <summary>Who still waits for an answer gets one: the journal that their wish was to be written into has failed.</summary>
    protected override void PostStop()
    {
        foreach (var (vm, asker) in _asked.Select(a => (a.Key, a.Value.Asker)).Concat(_cancelling.Select(c => (c.Key, c.Value))))
            asker.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Unavailable, $"{vm} could not be written down; 'dmm host show' says why, try again later"));
    }

    private void Create(AdmissionProtocol.CreateVm request)
    {
        var vm = request.Spec.Id;
        if (_provided.ContainsKey(vm) || _asked.ContainsKey(vm))
        {
            Sender.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Conflict, $"{vm} is being created already; use another name"));
            return;
        }

        var waiting = _provided.Values.Count(provided => !provided) + _asked.Count;
        if (_settings.Full(waiting) is { } full)
        {
            Sender.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Refused, full));
            return;
        }

        var timeout = request.Timeout ?? _settings.Deadline;
        _asked[vm] = (Sender, request);
        Timers.StartSingleTimer(vm, new DeadlinePassed(vm), timeout);
        _host.Tell(new HostProtocol.RecordRequest(request.Spec, request.Overhead, request.ImageNeeds, Clocks.MomentOf(_time) + timeout));
    }

    private void Recorded(HostProtocol.RequestRecorded recorded)
    {
        if (_asked.Remove(recorded.Vm, out var asked))
            asked.Asker.Tell(new HostProtocol.Done(recorded.Vm, "accepted: it starts as soon as its memory is free", asked.Request.Notes));
        _provided[recorded.Vm] = false;
        if (!Timers.IsTimerActive(recorded.Vm))
            Self.Tell(new DeadlinePassed(recorded.Vm));
    }

    private void Restore(AdmissionProtocol.Restore restore)
    {
        foreach (var wanted in restore.Queue)
        {
            _provided[wanted.Vm] = wanted.Provided;
            if (wanted.Provided)
                continue;
            var left = wanted.Deadline - Clocks.MomentOf(_time);
            Timers.StartSingleTimer(wanted.Vm, new DeadlinePassed(wanted.Vm), left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }

    private void Cancel(AdmissionProtocol.Cancel cancel)
    {
        if (!_provided.ContainsKey(cancel.Vm))
        {
            Sender.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.NotFound, $"there is no VM {cancel.Vm} on this host"));
        }
        else if (!_cancelling.TryAdd(cancel.Vm, Sender))
        {
            Sender.Tell(new HostProtocol.Refused(HostProtocol.RefusalKind.Conflict, $"{cancel.Vm} is being cancelled already"));
        }
        else
        {
            _host.Tell(new HostProtocol.GiveUp(cancel.Vm, AdmissionEnd.Cancelled, "cancelled by its operator"));
        }
    }

    private void Finished(AdmissionProtocol.Finished finished)
    {
        Timers.Cancel(finished.Vm);
        _provided.Remove(finished.Vm);
        if (!_cancelling.Remove(finished.Vm, out var asker))
            return;
        asker.Tell(finished.End == AdmissionEnd.Cancelled
            ? new HostProtocol.Done(finished.Vm, "no longer wanted", [])
            : new HostProtocol.Refused(HostProtocol.RefusalKind.Conflict, finished.End is { } end ? $"{finished.Vm} has {end.ToString().ToLowerInvariant()} meanwhile" : $"{finished.Vm} runs; stop it"));
    }

    private sealed record DeadlinePassed(VmId Vm);
}
